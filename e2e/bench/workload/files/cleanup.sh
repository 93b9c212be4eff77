#!/bin/sh
set -eu
find /opt/bench/cache -type f -mtime +30 -delete
