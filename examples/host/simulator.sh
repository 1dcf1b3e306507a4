#!/bin/sh
# Runs the host against the simulator:
#
#	go run ./examples/simulator -addr 127.0.0.1:8077   # in one terminal
#	sh examples/host/simulator.sh                      # in another
#
# The values are those of the simulator. In production your secret manager sets them,
# and without SIMULATOR the host uses SALTO KS.
set -eu
export SIMULATOR="${SIMULATOR:-http://127.0.0.1:8077}"
export SALTO_CLIENT_ID=harbour-doors SALTO_CLIENT_SECRET=Vq7tN2mKx9wLr4Ds
export SALTO_REDIRECT_URL=http://127.0.0.1:8078/salto/callback
export HOST_ADDR="${HOST_ADDR:-127.0.0.1:8078}" HOST_PASSWORD=secret HOST_DB="${HOST_DB:-host.db}"
if [ ! -s "$HOST_DB.key" ]; then # in production: apart from the database
	(umask 077 && echo "k1:$(head -c 32 /dev/urandom | base64)" >"$HOST_DB.key")
fi
SEALING_KEY=$(cat "$HOST_DB.key")
export SEALING_KEY
exec go run ./examples/host
