#!/bin/sh
# Tells in a file how it was started.
umask 022
printf '%s\n' "${0##*/}" "$PWD" "$#" "$@" >"$1"
