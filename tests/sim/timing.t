#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Instants of the key life cycle in simulated time: the scenario prints the lines.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRSIM:-build/bin/svrsim}" run "$(dirname "$0")/timing.lua" -q --out "$dir"
