"""Where the emulator isn't like AWS, so that this run shows nothing about it."""

UNSOUND = (
    "The emulator as it comes: local/ministack_boot.py adds the condition key s3:if-none-match, has its gateway fetch"
    " Cognito's keys over TLS and its Cognito name users by sub in challenges, and authorizes SendEmail on the identity"
    " that sends.",
    "Enrolment through the API: the emulator gives tokens where Cognito asks MFA_SETUP. The trigger refuses those,"
    " which is tried, for a new user and after a recovery; then it is taken off the pool while users enrol at Cognito"
    " itself, put back and checked.",
    "Cognito's challenge sessions: the emulator doesn't check them, so sessions bound to a user and used once, codes"
    " used once, SMS codes and Cognito's own lockout aren't tried here. The local stack's tests try them.",
    "Sign-up: the emulator has no End User Messaging, so it ends where the text message would leave, in a 503 without"
    " an account. The local stack's tests go on from there. Grants of text messages aren't tried either.",
    "Cognito's triggers: of the six the emulator asks the pre-token generation alone in what is played here. Each is"
    " called by this run instead, with events of Cognito's shape.",
    "A forgotten password: the emulator's code is always the same, and never runs out.",
    "Refresh: the emulator doesn't rotate refresh tokens, and the product takes no answer without a new one; so nobody"
    " adds an app while signed in either, and the session of phivault login ends with its first access token. phivault"
    " import signs in by password and code here; its own sessions the local stack's tests try.",
    "Source addresses: the emulator's gateway believes X-Forwarded-For, by which this run comes from elsewhere.",
    "KMS: the emulator's cipher isn't one (tampering passes), though encryption contexts and grants are enforced.",
    "WAF, threat protection, usage plans' quotas and networks: accepted, not enforced.",
    "Aurora: metadata only. The embedded PostgreSQL stands for it, with SCRAM instead of IAM tokens.",
    "IAM conditions on kms:EncryptionContext and dynamodb:LeadingKeys aren't filled in by the emulator.",
    "Bucket policies don't bind the emulator's root user; AWS's they bind.",
    "Suspending versioning of a bucket with Object Lock: AWS refuses it, the emulator takes it.",
    "Rotation of keys: the five minutes in which functions may seal under an old key aren't waited for, but set in the"
    " table of keys.",
    "arm64: functions run on this machine's processor, with the layer built for it.",
)
