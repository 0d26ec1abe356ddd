#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# IPv4 and IPv6, inner and outer, TCP, UDP and ICMP: the scenario prints the lines.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRSIM:-build/bin/svrsim}" run "$(dirname "$0")/families.lua" -q --out "$dir"
