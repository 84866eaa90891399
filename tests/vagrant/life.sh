#!/usr/bin/env bash
# The life of a machine, run by offline.sh in a copy of the project. Each line that begins with @@ is `NAME: WHAT`.
set -uo pipefail
page=http://127.0.0.1:5000
seven='{"strokes": [[[60, 60], [220, 60], [120, 240]]], "label": 7}'
output=$(mktemp)

say() { echo "@@ $1: ${*:2}"; }
vagrant_step() { # NAME COMMAND...: run it and say its status and how long it took
  local name=$1 started=$SECONDS status
  shift
  timeout 1200 vagrant "$@" --no-color --no-tty >"$output" 2>&1
  status=$?
  sed 's/^/   /' "$output"
  say "$name" "status=$status seconds=$((SECONDS - started))"
}
answer() { curl --silent --max-time 60 "$@"; }
inside() { vagrant ssh --no-tty -c "$1" 2>/dev/null | tr -d '\r'; }
page_process() { inside "sudo docker inspect --format '{{.State.StartedAt}}' \$(sudo docker ps -q --filter name=ui_container)"; }

vagrant_step validate validate
vagrant_step up up
say "last words" "$(tail -1 "$output")"
say predict "$(answer --json "$seven" $page/predict)"
say feedback "$(answer --json "$seven" $page/feedback)"
say "page process" "$(page_process)"
vagrant_step "second up" up
say "page process after a second up" "$(page_process)"
say owner "$(inside 'stat -c %U:%G /vagrant/shared/feedback/feedback.db')"
vagrant_step reload reload
say "predict after reload" "$(answer --json "$seven" $page/predict)"
say "rows of feedback after reload" "$(answer $page/feedback.csv | wc -l)"
PORT=5999 ANSWER_TIMEOUT_S=5 vagrant_step "provision on a port that nothing forwards" provision
say "its reason outside" "$(grep 'does not answer' "$output")"
inside 'sudo mv /vagrant/shared/pretrained /vagrant/shared/away; sudo docker restart $(sudo docker ps -q --filter name=ui_container)'
inside 'sudo ANSWER_TIMEOUT_S=5 bash /vagrant/vagrant/provision.sh /vagrant 2>&1; echo "status=$?"' >"$output"
sed 's/^/   /' "$output"
say "its reason" "$(grep 'does not answer' "$output")"
say "provision without a model" "$(tail -1 "$output")"
inside 'free -m; sudo docker ps -a; sudo docker logs $(sudo docker ps -aq --filter name=algo_container) 2>&1 | tail -5' | sed 's/^/   /'
vagrant_step destroy destroy --force
rm "$output"
