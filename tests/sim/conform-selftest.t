#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every check of the conformance suite passes on a good trace, and fails on each way of breaking it: it prints the lines.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${SVRCONFORM:-build/bin/svrconform}" selftest --out "$dir" 2>"$dir/log" || { sed 's/^/# /' "$dir/log"; exit 1; }
