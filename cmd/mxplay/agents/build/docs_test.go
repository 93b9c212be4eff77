package main

import "testing"

func TestWithoutDocs(t *testing.T) {
	const src = "package p\n\ntype A struct {\n\tIn []struct {\n\t\tX int `json:\"x\" doc:\"an \\\"x\\\"\" default:\"1\"`\n\t} `json:\"in\" doc:\"more\"`\n}\n\n" +
		"var m = M{\n\tName: \"p\",\n\tDoc: `First.\n\nMore.` + \"and\",\n\tExample: \"- p: {}\", Run: run}\nvar f = F{Doc: tag()}\n"
	const want = "package p\n\ntype A struct {\n\tIn []struct {\n\t\tX int `json:\"x\" default:\"1\"`\n\t} `json:\"in\"`\n}\n\n" +
		"var m = M{\n\tName: \"p\",\n\tDoc: \"\",\n\tExample: \"\", Run: run}\nvar f = F{Doc: tag()}\n"
	got, err := withoutDocs("p.go", []byte(src))
	if err != nil || string(got) != want {
		t.Errorf("%v:\n%s", err, got)
	}
}
