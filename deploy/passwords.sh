#!/bin/sh
# Writes the broker's password file from .env; needs mosquitto_passwd (Debian: mosquitto).
set -eu
cd "$(dirname "$0")"
. ./.env
rm -f mosquitto/passwords
touch mosquitto/passwords
chmod 644 mosquitto/passwords # the broker's user inside its container reads it; it holds salted hashes
for pair in "labctl:${LABCTL_BROKER_PASSWORD:?}" "grafana:${GRAFANA_BROKER_PASSWORD:?}" "dashboard:${DASHBOARD_BROKER_PASSWORD:?}"; do
    mosquitto_passwd -b mosquitto/passwords "${pair%%:*}" "${pair#*:}"
done
