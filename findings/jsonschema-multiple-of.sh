#!/bin/bash
# Three JSON Schema validators disagree about which amounts are whole cents.
#
# Versions: jsonschema 4.26.0, fastjsonschema 2.22.3, jsonschema-rs 0.61.2, Python 3.11.
# Guess before the run: the first is right about {"multipleOf": 0.01}; the fast ones may be wrong.
# Seen: the other way round. jsonschema divides doubles and refuses 0.07, 0.14, 0.28, 0.29 and 1,359 more of the 10,000
#   amounts up to 100.00; both others take all of them. An answer that is valid for one client's generated checks is not
#   for another's: state money as text, or in whole millionths.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jsonschema==4.26.0 fastjsonschema==2.22.3 jsonschema-rs==0.61.2
seen=$("$folder/venv/bin/python" - <<'P'
import json
import fastjsonschema, jsonschema, jsonschema_rs
schema = {"type": "number", "multipleOf": 0.01}
compiled = fastjsonschema.compile(schema)
def fast(value):
    try:
        compiled(value)
        return True
    except fastjsonschema.JsonSchemaException:
        return False
checks = {
    "jsonschema": jsonschema.Draft202012Validator(schema).is_valid,
    "fastjsonschema": fast,
    "jsonschema-rs": jsonschema_rs.validator_for(schema).is_valid,
}
amounts = [json.loads(f"{cents // 100}.{cents % 100:02}") for cents in range(1, 10_001)]
for name, is_valid in checks.items():
    refused = [amount for amount in amounts if not is_valid(amount)]
    print(name, "refuses", len(refused), refused[:4], "and 0.005 is", "valid" if is_valid(0.005) else "refused")
P
)
expected='jsonschema refuses 1363 [0.07, 0.14, 0.28, 0.29] and 0.005 is refused
fastjsonschema refuses 0 [] and 0.005 is refused
jsonschema-rs refuses 0 [] and 0.005 is refused'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
