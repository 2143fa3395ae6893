"""Checks an extract of certificates by the rules of docs/retention.md alone, and prints its parts.

Usage: extract.py EXTRACT HEAD [PUBLIC_KEY]
"""
import hashlib
import json
import subprocess
import sys
import tempfile


def sha256(data):
    return hashlib.sha256(data).digest()


def root(proof):
    digest = sha256(b"\0" + bytes.fromhex(proof["salt"]) + proof["part"].encode())
    for step in proof["path"]:
        other = bytes.fromhex(step["sha256"])
        digest = sha256(b"\1" + (other + digest if step["side"] == "left" else digest + other))
    return digest.hex()


def is_signed(face, key):
    """The face with an empty value in the place of the signature, by openssl."""
    value = json.loads(face)["signature"]["value"]
    with tempfile.TemporaryDirectory() as folder:
        def file(name, data):
            with open(f"{folder}/{name}", "wb") as out:
                out.write(data)
            return f"{folder}/{name}"
        prefix = bytes.fromhex("302a300506032b6570032100")
        run = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin",
             "-inkey", file("key", prefix + bytes.fromhex(key)),
             "-sigfile", file("signature", bytes.fromhex(value)),
             "-in", file("face", face.replace(value, "").encode())], capture_output=True)
        return run.returncode == 0


def main(path, head, key=None):
    with open(path, encoding="utf-8") as file:
        extract = json.load(file)
    faces = extract["faces"]
    digests = [sha256(face.encode()).hex() for face in faces]
    for face, before in zip(faces[1:], digests):
        assert json.loads(face)["previous_sha256"] == before, "the chain is broken"
    assert extract["head_sha256"] == digests[-1], "the head is another"
    assert head in digests, "the head that was written down is not there"
    known = {json.loads(face)["sequence"]: face for face in faces}
    for proof in extract["parts"]:
        face = known[proof["certificate"]]
        assert json.loads(face)["root_sha256"] == root(proof), "a part is not the certificate's"
        assert key is None or is_signed(face, key), "a certificate is not signed"
        print(json.dumps(json.loads(proof["part"]), ensure_ascii=False))


main(*sys.argv[1:])
