#!/bin/sh
# Have a model before the next line of a script runs: examples/service.sh org/name [revision]
set -eu
address=${ADDRESS:-http://127.0.0.1:8080}
token=${VIDEO_CENSOR_TOKEN:-$(cat "${XDG_STATE_HOME:-$HOME/.local/state}/video-censor/token")}
revision=${2:+\"$2\"}
body="{\"hf_repo\": \"$1\", \"hf_commit\": ${revision:-null}}"

call() { curl -sS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }

# Already there, verified? Then nothing is fetched.
case $(call "$address/api/models/status" -d "$body") in *'"DOWNLOADED"'*) exit 0 ;; esac

id=$(call "$address/api/downloads" -d "$body" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
[ -n "$id" ] || { echo "the service refused $1; is it downloading already?" >&2; exit 1; }
# The stream ends when the download does.
call -N "$address/api/downloads/$id/events?format=ndjson" | tail -n 2 | grep -q '"state":"done"'
