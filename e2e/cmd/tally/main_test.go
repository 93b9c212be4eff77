package main

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const in = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"T"}
{"Action":"output","Package":"a","Test":"T","Output":"=== RUN   T\n"}
{"Action":"output","Package":"a","Test":"T/x","Output":"    fine\n"}
{"Action":"pass","Package":"a","Test":"T/x"}
{"Action":"pass","Package":"a","Test":"T"}
{"Action":"output","Package":"a","Test":"U","Output":"=== RUN   U\n"}
{"Action":"output","Package":"a","Test":"U/y","Output":"        u.go:1: bad\n"}
{"Action":"fail","Package":"a","Test":"U/y"}
{"Action":"output","Package":"a","Test":"U","Output":"--- FAIL: U\n"}
{"Action":"fail","Package":"a","Test":"U"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
{"Action":"output","Package":"b","Test":"V","Output":"    v.go:1: no ssh\n"}
{"Action":"skip","Package":"b","Test":"V"}
{"Action":"output","Package":"b","Output":"PASS\n"}
{"Action":"output","Package":"b","Output":"ok  \tb\t0.1s\n"}
{"Action":"pass","Package":"b"}
{"ImportPath":"c","Action":"build-output","Output":"c.go:1: no such\n"}
{"ImportPath":"c","Action":"build-fail"}
{"Action":"output","Package":"c","Output":"FAIL\tc [build failed]\n"}
{"Action":"fail","Package":"c","FailedBuild":"c"}
{"Action":"output","Package":"d","Test":"W","Output":"panic: ouch\n"}
{"Action":"fail","Package":"d"}
not of go test
`
	const want = "        u.go:1: bad\n--- FAIL: U\nFAIL\ta\t0.1s\n    v.go:1: no ssh\nok  \tb\t0.1s\n" +
		"c.go:1: no such\nFAIL\tc [build failed]\npanic: ouch\nnot of go test\n"
	var out strings.Builder
	got, err := read(strings.NewReader(in), &out)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if want := (totals{passed: 2, failed: 2, skipped: 1, packages: 4, broken: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
