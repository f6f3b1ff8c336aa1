#!/bin/sh
# A plain shell agent, started by: repoint run refund --env production -- sh agent.sh QUESTION
# It finds the live version's files in REPOINT_PATH and needs to know nothing else of Repoint.
set -eu

model=$(sed -n '/^  "model": {/,/^  }/ s/^ *"name": "\(.*\)".*/\1/p' "$REPOINT_PATH/repoint.json")
prompt=$(head -n 1 "$REPOINT_PATH/prompts/system.md")
echo "$REPOINT_AGENT $REPOINT_VERSION, $model: $prompt | $*"
