"""The published document, read by libraries that are not ours.

document.py read FILE            checks openapi.yaml and prints it as JSON
document.py judge FILE EXCHANGES says which of the exchanges (a line of JSON each: method, path, status, type, body)
                                 the document does not describe; ends with 1 where there are any
"""

import json
import re
import sys

import jsonschema
import openapi_spec_validator
import yaml


def read(path):
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    openapi_spec_validator.validate(document)
    return document


def follow(document, node):
    while "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def operation(document, method, path):
    """The operation of a call, whichever of its mounts it was made at."""
    path = path.split("?")[0]
    path = re.sub(r"^/api/v1/", "/v1/", path)
    known = []
    for template, methods in document["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            known.append((template.count("{"), methods))
    for _, methods in sorted(known, key=lambda found: found[0]):
        return methods.get(method.lower())
    return None


def complaint(document, exchange):
    found = operation(document, exchange["method"], exchange["path"])
    if found is None:
        return "no such operation"
    response = found["responses"].get(str(exchange["status"]))
    if response is None:
        return f"{exchange['status']} is not documented"
    content = follow(document, response)["content"]
    exchange["type"] = exchange["type"].split(";")[0]
    if exchange["type"] not in content:
        return f"{exchange['type']} is not documented"
    if exchange["type"] == "application/jsonl":
        schemas = {"$ref": "#/components/schemas/Result"}
        bodies = [json.loads(line) for line in exchange["body"].splitlines()]
    elif exchange["type"].endswith("json"):
        schemas = content[exchange["type"]]["schema"]
        bodies = [json.loads(exchange["body"])]
    else:
        return None
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **schemas}
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for body in bodies:
        for error in checker.iter_errors(body):
            return f"{error.json_path}: {error.message}"[:500]
    return None


def main():
    document = read(sys.argv[2])
    if sys.argv[1] == "read":
        json.dump(document, sys.stdout)
        return
    with open(sys.argv[3], encoding="utf-8") as file:
        exchanges = [json.loads(line) for line in file]
    complaints = [(exchange, complaint(document, exchange)) for exchange in exchanges]
    for exchange, text in complaints:
        if text:
            print(exchange["method"], exchange["path"], exchange["status"], text, file=sys.stderr)
    print(len(exchanges))
    sys.exit(any(text for _, text in complaints))


if __name__ == "__main__":
    main()
