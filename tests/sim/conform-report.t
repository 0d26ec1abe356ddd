#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The reports of the conformance suite: JUnit XML as machines read it, the page as a browser shows it.
conform=${SVRCONFORM:-build/bin/svrconform}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
report() {
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; sed 's/^/# /' "$dir/out" | tail -20; }
}
# holds SENTENCE COMMAND...
holds() {
    local sentence=$1
    shift
    "$@" >"$dir/out" 2>&1
    report $? "$sentence"
}

# JUnit against TAP: the sums, the cases, what stands in each.
cat >"$dir/junit.py" <<'END'
import sys, re, xml.etree.ElementTree as ET
root = ET.parse(sys.argv[1]).getroot()
tap = [line for line in open(sys.argv[2], errors="replace") if re.match(r"(not )?ok \d", line)]
said = [(re.match(r".*? - (\S+) \[", l)[1], "fail" if l.startswith("not") else "skip" if "# SKIP" in l else "pass") for l in tap]
found = []
for case in root.iter("testcase"):
    result = "fail" if case.find("failure") is not None else "skip" if case.find("skipped") is not None else "pass"
    found.append((case.get("name"), result))
assert found == said and found, (found, said)
for holder in [root] + list(root.iter("testsuite")):
    cases = list(holder.iter("testcase"))
    assert int(holder.get("tests")) == len(cases)
    assert int(holder.get("failures")) == len(list(holder.iter("failure")))
    assert int(holder.get("skipped")) == len(list(holder.iter("skipped")))
    assert float(holder.get("time")) > 0
for failure in root.iter("failure"):
    for word in ("expected: ", "actual: ", "reproduce: "):
        assert word in failure.text, (word, failure.text)
failures = "".join(failure.text for failure in root.iter("failure"))
assert not failures or " packet " in failures, failures
for suite in root.iter("testsuite"):
    assert all(case.get("classname") == suite.get("name") for case in suite.iter("testcase"))
    names = [p.get("name") for p in suite.iter("property")]
    assert "capture" in names and ("seed" in names) == (suite.get("name") == "key-life"), names
END
# The page: what is opened is closed, links within lead somewhere, IDs are there once, nothing comes from elsewhere.
cat >"$dir/page.py" <<'END'
import sys
from html.parser import HTMLParser
class Page(HTMLParser):
    stack, ids, links, drawings = [], [], [], 0
    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        assert tag not in ("script", "img", "iframe"), tag
        self.ids += [a["id"]] if "id" in a else []
        if "href" in a: self.links.append(a["href"])
        if tag == "svg" and a.get("role") == "img":
            self.drawings += 1
            assert a["aria-labelledby"]
        if tag not in ("meta", "link"): self.stack.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)
    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, (tag, self.getpos())
text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
assert not page.stack and page.drawings == int(sys.argv[2]), (page.stack, page.drawings)
assert len(page.ids) == len(set(page.ids)), sorted(i for i in page.ids if page.ids.count(i) > 1)
assert "http:" not in text and "https:" not in text
for link in page.links:
    assert link[0] != "#" or link[1:] in page.ids, link
END
# The document as a browser has it, on standard output; its console, and nothing else, in console.
browse() {
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$dir/browser" --enable-logging=stderr --dump-dom "file://$1" 2>"$dir/browser.log"
    local status=$?
    grep CONSOLE "$dir/browser.log" >"$dir/console"
    return $status
}

run() { "$conform" run --scenario key-life --out "$dir/run" --seed 11 >"$dir/tap" 2>"$dir/told"; }
holds "a scenario is judged" run
holds "and the suite says where its reports are" grep -q "^report: $dir/run/report.html, $dir/run/junit.xml" "$dir/told"
holds "JUnit XML is well-formed, and says what TAP says" python3 "$dir/junit.py" "$dir/run/junit.xml" "$dir/tap"
holds "the page is whole, and needs nothing else" python3 "$dir/page.py" "$dir/run/report.html" 3
mv "$dir/run/report.html" "$dir/first.html"
run
holds "the same again gives the same page" cmp "$dir/first.html" "$dir/run/report.html"

here=$dir/run/key-life
sed 's/peer-key-timeout /peer-key-retransmit-interval 31\n            peer-key-timeout /' "$here/authority.conf" >"$dir/31.conf"
odd=$dir/$'a<b>&"\'\x01\xff]]>.pcapng'
cp "$here/one.pcapng" "$odd"
"$conform" check "$odd" "$here/two.pcapng" --keylog "$here/keys.log" --events "$here/events.jsonl" --config "$dir/31.conf" \
    --html "$dir/failed.html" --junit "$dir/failed.xml" >"$dir/tap" 2>"$dir/told"
holds "a trace that fails is judged" test $? -eq 1
holds "JUnit XML stays well-formed whatever a capture is called" python3 "$dir/junit.py" "$dir/failed.xml" "$dir/tap"
holds "so does the page" python3 "$dir/page.py" "$dir/failed.html" 3
mark='<a href="#[^"]*KEY-RETRANSMIT"><g class="fail">'
holds "and marks when it failed" grep -q "$mark" "$dir/failed.html"
holds "but only there" bash -c '! grep -q "$1" "$2"' - "$mark" "$dir/first.html"

again=$(sed -n 's/^# reproduce: svrconform //p' "$dir/tap")
eval "$conform $again" >"$dir/out" 2>&1
cmp "$dir/out" "$dir/tap" >>"$dir/out" 2>&1
report $? "the command that it tells gives the same results again"
"$conform" check "$here/one.pcapng" --only 'CRY-*' --html "$dir/keyless.html" >"$dir/tap" 2>"$dir/told"
holds "without keys and events there is a page with what is left to draw" python3 "$dir/page.py" "$dir/keyless.html" 2

if command -v chromium >/dev/null; then
    browse "$dir/failed.html" >"$dir/dom"
    holds "a browser opens it" grep -q '<svg[^>]*class="drawing timeline"' "$dir/dom"
    holds "with the failure in it" grep -q "$mark" "$dir/dom"
    holds "and without a complaint" test ! -s "$dir/console"
    { cat "$dir/failed.html"; echo '<script>absent()</script>'; } >"$dir/bad.html"
    browse "$dir/bad.html" >"$dir/dom"
    holds "which it would have made of a script that fails" grep -q absent "$dir/console"
else
    echo "ok $((n += 1)) - a browser opens it # SKIP there is no chromium here"
fi
echo "1..$n"
