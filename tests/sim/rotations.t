#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A thousand rotations of every kind of key on a line with 5 % loss, 200 ms jitter and reordering: the scenario
# counts at both hosts and prints the lines.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRSIM:-build/bin/svrsim}" run scenarios/thousand-rotations.lua -q --out "$dir"
