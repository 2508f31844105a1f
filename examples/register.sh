#!/bin/sh
# Prepares the database of Latchkey, registers the services and their clients there, once, and writes the secrets of the clients to
# files in the folder that is named.
set -eu
folder=$1
latchkey migrate

create_client() {
  created=$(latchkey clients create "$1" --name "$1" --scope "$2" --json)
  echo "$created" | sed -n 's/.*"client_secret": *"\([^"]*\)".*/\1/p' >"$folder/$1.secret"
}

if [ ! -s "$folder/worker.secret" ]; then
  latchkey resources create orders --audience https://orders.example --scope orders:read
  latchkey resources create inventory --audience https://inventory.example --scope inventory:read
  create_client orders inventory:read
  create_client worker orders:read
fi
