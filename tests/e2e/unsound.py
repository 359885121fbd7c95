"""Where the emulator isn't like AWS, so that this run shows nothing about it."""

UNSOUND = (
    "The emulator as it comes: local/ministack_boot.py adds the condition key s3:if-none-match, and has its gateway"
    " fetch Cognito's keys over TLS.",
    "Enrolment through the API: the emulator gives tokens where Cognito asks MFA_SETUP. The trigger refuses those,"
    " which is tried; then it is taken off the pool while users enrol at Cognito itself, put back and checked.",
    "Cognito's challenge sessions: the emulator doesn't check them, so sessions bound to a user and used once, codes"
    " used once, SMS codes and lockouts aren't tried here. The local stack's tests try them.",
    "Refresh: the emulator doesn't rotate refresh tokens, and the product takes no answer without a new one.",
    "KMS: the emulator's cipher isn't one (tampering passes), though encryption contexts and grants are enforced.",
    "WAF, threat protection, usage plans' quotas and networks: accepted, not enforced.",
    "Aurora: metadata only. The embedded PostgreSQL stands for it, with SCRAM instead of IAM tokens.",
    "IAM conditions on kms:EncryptionContext and dynamodb:LeadingKeys aren't filled in by the emulator.",
    "Bucket policies don't bind the emulator's root user; AWS's they bind.",
    "Suspending versioning of a bucket with Object Lock: AWS refuses it, the emulator takes it.",
    "arm64: functions run on this machine's processor, with the layer built for it.",
)
