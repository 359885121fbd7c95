"""Drive every function through what it does, and keep the AWS calls that it really made.

The functions run as in the stack, in execution environments of this module's own, each as confined as ever. What
happens seldom (a lost answer, a person whom nobody met, another place) is made to happen here, because a right that is
needed once a year is needed.
"""

from __future__ import annotations

import http.server
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from local.workers import WorkerDied
from tests.support.accounts import Account, cognito
from tests.support.answers import ok
from tests.support.aws_proxy import Fault
from tests.support.fhir import make, observation, patient, send
from tests.support.recorded_access import drive_access
from tests.support.recorded_identity import drive_identity
from tests.support.recorded_keys import drive_the_keys
from tests.support.recorded_log_actions import drive_the_log
from tests.support.recorded_passwords import forget_a_password, run_the_triggers
from tests.support.recorded_records import drive_records
from tests.support.recording import SECRET

if TYPE_CHECKING:
    from local.postgres import Postgres
    from tests.support.recording import Recording


def drive(recording: Recording) -> None:
    """Everything that the functions of the local stack do."""
    patient_id = sign_in_and_out(recording)
    write_and_read(recording)
    drive_records(recording)
    review(recording)
    for name, path, role in (
        ("me", "/me", "clinician"),
        ("admin", "/admin/users", "tenant_admin"),
        ("records", f"/fhir/Patient/{patient_id}", "clinician"),
        ("audit", "/audit/events", "auditor"),
        ("access", "/break-glass", "privacy_officer"),
    ):
        a_stranger(recording, name, path)
        a_lost_answer(recording, path, role)
    recording.forget("health")
    health = recording.client()
    assert health.get(f"http://127.0.0.1:{recording.port}/healthz").status_code == 200
    assert health.get("/openapi.json").status_code == 200
    before_tokens(recording)
    run_the_triggers(recording)
    forget_a_password(recording)
    drive_identity(recording)
    drive_access(recording)
    sign_in_to_the_clouds_database(recording)
    send_alerts(recording)
    drive_the_log(recording)
    drive_the_keys(recording)


def sign_in_and_out(recording: Recording) -> str:
    """A person's first sign-in through an app, a wrong code, another session, its end. Some patient's id."""
    stack = recording.stack
    person, api = Account(stack, "clinician", stack.tenants[0], sms=False), recording.client()
    person.client = api
    assert person.ask("not" + person.password).status_code == 401
    asked = ok(person.ask())
    recording.forget("auth")
    setup = ok(api.post("/auth/mfa/totp", json={"session": asked["session"]}))
    app = pyotp.TOTP(setup["secret"])
    answered = {"challenge": "MFA_SETUP", "session": setup["session"]}
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    tokens = ok(person.answer(answered, app.now()))
    ok(person.ask())
    renewed = ok(api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}))
    signed_in = recording.client({"Authorization": f"Bearer {renewed['access_token']}"})
    recording.forget("auth")
    assert signed_in.post("/auth/sign-out", headers={"User-Agent": "another place"}).status_code == 204
    assert api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    return stack.patients()[0]


def write_and_read(recording: Recording) -> None:
    clinician = recording.api("clinician")
    new = str(make(clinician, patient())["id"])
    made = make(clinician, observation(new))
    path = f"/fhir/Observation/{made['id']}"
    ok(recording.cold("records", clinician, path))
    ok(clinician.get("/fhir/Observation", params={"patient": new}))
    changed = observation(new, status="amended") | {"id": made["id"]}
    ok(send(clinician, "PUT", path, changed))
    ok(clinician.get(f"{path}/_history/1"))
    assert clinician.delete(path).status_code == 204
    assert clinician.get("/fhir/metadata").status_code == 200


def review(recording: Recording) -> None:
    """The log by day, by user and by patient, from where the auditor signed in and from elsewhere."""
    auditor = recording.api("auditor")
    ok(auditor.get("/audit/events"))
    ok(auditor.get("/audit/events", params={"patient": recording.stack.patients()[0]}))
    ok(recording.cold("audit", auditor, "/audit/events", **{"User-Agent": "another place"}))
    ok(recording.cold("me", auditor, "/me", **{"User-Agent": "another place"}))


def a_stranger(recording: Recording, function: str, path: str) -> None:
    """A genuine token that isn't from us, of somebody who never was here: refused, and recorded under a new key."""
    person = Account(recording.stack, "clinician", recording.stack.tenants[0])
    client = recording.client({"Authorization": f"Bearer {_token_of_the_providers_own(person)}"})
    assert recording.cold(function, client, path).status_code == 401


def _token_of_the_providers_own(person: Account) -> str:
    facts = person.stack.facts["cognito"]
    pool = {"UserPoolId": facts["user_pool_id"], "ClientId": facts["client_id"]}
    provider, name = cognito(person.stack), {"USERNAME": person.email}
    begun = provider.admin_initiate_auth(
        **pool, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=name | {"PASSWORD": person.password}
    )
    done = provider.admin_respond_to_auth_challenge(
        **pool,
        ChallengeName=begun["ChallengeName"],
        Session=begun["Session"],
        ChallengeResponses=name | {"SMS_MFA_CODE": person.text_message()},
    )
    return str(done["AuthenticationResult"]["AccessToken"])


def a_lost_answer(recording: Recording, path: str, role: str) -> None:
    """S3 kept the record and its answer didn't arrive: whether it is ours is asked (412, then HEAD)."""
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    ok(recording.api(role).get(path))


def before_tokens(recording: Recording) -> None:
    person = Account(recording.stack, "clinician", recording.stack.tenants[0])
    (sub,) = (one["Value"] for one in person.admin("admin_get_user")["UserAttributes"] if one["Name"] == "sub")
    pool = recording.stack.facts["cognito"]
    event = {
        "version": "2",
        "triggerSource": "TokenGeneration_Authentication",
        "region": recording.stack.facts["region"],
        "userPoolId": pool["user_pool_id"],
        "userName": sub,
        "callerContext": {"awsSdkVersion": "x", "clientId": pool["client_id"]},
        "request": {
            "userAttributes": {"sub": sub, "custom:tenant_id": person.tenant, "custom:role": person.role},
            "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": None},
            "scopes": ["aws.cognito.signin.user.admin"],
        },
        "response": {"claimsAndScopeOverrideDetails": None},
    }
    assert recording.invoke("pre_token", event)["response"]["claimsAndScopeOverrideDetails"]
    event["request"]["userAttributes"]["custom:role"] = "nobody"
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    with pytest.raises(WorkerDied, match="Refused"):
        recording.invoke("pre_token", event)


def send_alerts(recording: Recording) -> None:
    """The stream's oldest records, as the event source mapping hands them over, until one is an alert."""
    events = _stream(recording)
    for batch in events:
        assert recording.invoke("alerts", {"Records": batch}) == {"batchItemFailures": []}
        if any(function == "alerts" for function, *_ in recording.trace()):
            return
    raise AssertionError("No record of the stream is an alert")


def _stream(recording: Recording) -> Iterator[list[dict[str, Any]]]:
    streams = recording.stack.aws("dynamodbstreams")
    (found,) = streams.list_streams(TableName=recording.stack.facts["audit_index_table"])["Streams"]
    for shard in streams.describe_stream(StreamArn=found["StreamArn"])["StreamDescription"]["Shards"]:
        place = streams.get_shard_iterator(
            StreamArn=found["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (page := streams.get_records(ShardIterator=place))["Records"]:
            yield json.loads(json.dumps(records, default=str))
            place = page["NextShardIterator"]


def sign_in_to_the_clouds_database(recording: Recording) -> None:
    """The functions as outside the laptop, with an IAM token; no database takes it here."""
    cloud = {"PHIVAULT_PROFILE": "dev", "PHIVAULT_POSTGRES_HOST": "127.0.0.1"}
    new = patient()
    with recording.altered("health", cloud), recording.altered("records", cloud), recording.altered("access", cloud):
        assert recording.client().get(f"http://127.0.0.1:{recording.port}/healthz").status_code == 503
        assert send(recording.api("clinician"), "POST", "/fhir/Patient", new).status_code == 503
        team = f"/patients/{recording.stack.patients()[0]}/care-team"
        assert recording.api("clinician").get(team).status_code == 503


def prepare_a_database(recording: Recording, server: Postgres) -> None:
    """The custom resource: whole on a database of this machine, then up to the administrator's sign-in to RDS."""
    with _cloudformation() as (url, answers):
        event = {
            "RequestType": "Update",
            "ResponseURL": url,
            "ResourceProperties": {"ContextKeyIds": ["test", "next"]},
        } | dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "x")
        recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
        recording.invoke("migrate", event, PHIVAULT_PROFILE="local", PHIVAULT_POSTGRES_DSN=server.owner_dsn)
        secret = json.dumps({"username": "administrator", "password": secrets.token_hex(8)})
        recording.stack.aws("secretsmanager").create_secret(Name=SECRET, SecretString=secret)
        recording.invoke("migrate", event, PHIVAULT_PROFILE="dev", PHIVAULT_POSTGRES_HOST="127.0.0.1")
    assert [answer["Status"] for answer in answers] == ["SUCCESS", "FAILED"]


@contextmanager
def _cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where a custom resource's answer goes, and what has come."""
    answers: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", answers
        finally:
            server.shutdown()
