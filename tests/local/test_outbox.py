import threading
from datetime import UTC, datetime

from local.outbox import KEPT, Outbox


def test_newest_is_last_and_each_recipient_can_be_read_alone():
    outbox = Outbox()
    outbox.send("+15550100001", "sms", "sign-in", "123456")
    outbox.send("security", "alert", "break-glass", "Break-glass was used")
    outbox.send("+15550100001", "sms", "sign-in", "654321")
    assert [message["code"] for message in outbox.messages("+15550100001")] == ["123456", "654321"]
    assert [message["channel"] for message in outbox.messages()] == ["sms", "alert", "sms"]
    assert outbox.messages("+15550100002") == []


def test_a_message_has_exactly_the_documented_members():
    outbox = Outbox()
    sent = outbox.send("+15550100001", "sms", "sign-in", "123456")
    (message,) = outbox.messages()
    assert set(message) == {"id", "to", "channel", "purpose", "code", "sent_at"}
    assert message["id"] == sent
    age = datetime.now(UTC) - datetime.fromisoformat(message["sent_at"])
    assert 0 <= age.total_seconds() < 60


def test_only_the_last_thousand_are_kept():
    outbox = Outbox()
    for number in range(KEPT + 5):
        outbox.send("somebody", "alert", "count", str(number))
    codes = [message["code"] for message in outbox.messages()]
    assert (len(codes), codes[0], codes[-1]) == (KEPT, "5", str(KEPT + 4))


def test_changing_what_was_read_changes_nothing_kept():
    outbox = Outbox()
    outbox.send("somebody", "sms", "sign-in", "123456")
    outbox.messages()[0]["code"] = "000000"
    assert outbox.messages()[0]["code"] == "123456"


def test_threads_lose_no_message_and_share_no_id():
    outbox = Outbox()

    def send() -> None:
        for _ in range(100):
            outbox.send("somebody", "sms", "sign-in", "123456")

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = outbox.messages()
    assert len({message["id"] for message in messages}) == 800
    assert [message["sent_at"] for message in messages] == sorted(message["sent_at"] for message in messages)


def test_codes_stay_out_of_its_text_form():
    outbox = Outbox()
    outbox.send("somebody", "sms", "sign-in", "123456")
    assert "123456" not in repr(outbox)
