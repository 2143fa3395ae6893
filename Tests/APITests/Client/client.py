"""A client of the Batch API as a customer might write it: Python's standard library and the contract, nothing else.

Usage: client.py URL KEY ITEMS
Creates a batch, waits for its end, reads its items and its ledger; then creates another and cancels it.
Prints one JSON document of what it saw, and ends with 1 where the numbers do not add up.
"""

import enum
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class APIError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body['error']}: {body['message']}")
        self.status = status
        self.code = body["error"]
        self.details = body["details"]


class BatchStatus(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemStatus(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class FailureType(enum.Enum):
    MODEL_ERROR = "model_error"
    PARAM_ERROR = "param_error"
    TIMEOUT = "timeout"
    NETWORK = "network"
    UNKNOWN = "unknown"


class LedgerType(enum.Enum):
    RESERVE = "reserve"
    SETTLE = "settle"
    REFUND = "refund"
    PURCHASE = "purchase"
    BONUS = "bonus"


class Client:
    def __init__(self, url, key):
        self.base = url.rstrip("/") + "/v1"
        self.key = key

    def call(self, method, path, body=None, **query):
        query = {name: value for name, value in query.items() if value is not None}
        address = self.base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=data, method=method)
        request.add_header("x-api-key", self.key)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise APIError(error.code, json.load(error)) from None

    def create(self, items, request_id=None):
        body = {"items": items} if request_id is None else {"request_id": request_id, "items": items}
        return self.call("POST", "/batches", body)

    def batch(self, batch_id):
        batch = self.call("GET", f"/batches/{batch_id}")
        BatchStatus(batch["status"])
        return batch

    def wait(self, batch_id, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            batch = self.batch(batch_id)
            if batch["status"] not in ("pending", "running"):
                return batch
            time.sleep(0.1)
        raise TimeoutError(f"batch {batch_id} did not end within {seconds} s")

    def items(self, batch_id, status=None):
        offset = 0
        while True:
            page = self.call("GET", f"/batches/{batch_id}/items", status=status, limit=100, offset=offset)
            for item in page["items"]:
                ItemStatus(item["status"])
                if item["failure_type"] is not None:
                    FailureType(item["failure_type"])
                yield item
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def ledger(self, batch_id=None):
        entries = self.call("GET", "/credits/ledger", batch_id=batch_id, limit=200)["entries"]
        for entry in entries:
            LedgerType(entry["type"])
        return entries

    def cancel(self, batch_id):
        return self.call("POST", f"/batches/{batch_id}/cancel")

    def balance(self):
        return self.call("GET", "/credits/balance")


def check(condition, what):
    if not condition:
        sys.exit(f"does not hold: {what}")


def main():
    url, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = Client(url, key)
    before = client.balance()
    items = [{"prompt": f"a lighthouse in fog, take {n}", "metadata": {"n": n}} for n in range(count)]
    request_id = str(uuid.uuid4())
    created = client.create(items, request_id)
    again = client.create(items, request_id)
    check(again["batch_id"] == created["batch_id"] and again["idempotent_replay"], "a replay gives the same batch")
    try:
        client.create(items[1:], request_id)
        sys.exit("another body under the same request_id was taken")
    except APIError as error:
        check(error.status == 409 and isinstance(error.details, dict), "another body is a conflict")

    batch = client.wait(created["batch_id"])
    seen = list(client.items(batch["batch_id"]))
    check([item["index"] for item in seen] == list(range(count)), "items come in their order, each once")
    check([item["metadata"]["n"] for item in seen] == list(range(count)), "metadata come back")
    succeeded = [item for item in seen if item["status"] == "succeeded"]
    check(len(succeeded) == batch["succeeded_count"], "the count of items that succeeded")
    check(all(item["video_url"] for item in succeeded), "what succeeded has a video")
    check(
        batch["credits_reserved"] == batch["credits_settled"] + batch["credits_refunded"],
        "reserved = settled + refunded",
    )
    entries = client.ledger(batch["batch_id"])
    totals = {}
    for entry in entries:
        totals[entry["type"]] = totals.get(entry["type"], 0) + entry["delta"]
    check(totals.get("reserve") == -batch["credits_reserved"], "the ledger's reserve")
    check(totals.get("settle", 0) == -batch["credits_settled"], "the ledger's settle")
    check(totals.get("refund", 0) == batch["credits_refunded"], "the ledger's refund")

    second = client.create(items)
    check(second["request_id"], "a request_id is given where there was none")
    check(client.create(items, second["request_id"])["idempotent_replay"], "that request_id can be used again")
    cancelled = client.cancel(second["batch_id"])
    check(cancelled["status"] == "cancelled", "the status of a cancelled batch")
    ended = client.wait(second["batch_id"])
    check(
        all(item["failure_type"] is None for item in client.items(second["batch_id"]) if item["reason"] == "cancelled"),
        "a cancelled item has no failure type",
    )
    client.ledger()
    after = client.balance()
    spent = batch["credits_settled"] + ended["credits_settled"]
    check(after["reserved"] == before["reserved"], "nothing stays reserved")
    check(before["available"] - after["available"] == spent, "the balance moved by what was spent")
    print(json.dumps({"batch": batch, "totals": totals, "cancelled": cancelled, "ended": ended}))


main()
