package transport

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFileName: whatever a file is called, its name stands in a header and is one name.
func FuzzFileName(f *testing.F) {
	f.Add("a.png", "image/png")
	f.Add("../..\\x\r\n\"y\" \xff", "text/plain; charset=utf-8")
	f.Add(strings.Repeat("日", 300), "")
	f.Fuzz(func(t *testing.T, name, full string) {
		got := fileName(name, full)
		if got == "" || len(got) > longestName+8 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\r\n\x00") {
			t.Fatalf("%q becomes %q", name, got)
		}
		_, args, err := mime.ParseMediaType(`form-data; name="x"; filename="` + plainQuoting.Replace(got) + `"`)
		if err != nil || args["filename"] != got {
			t.Fatalf("%q becomes %q, read as %q: %v", name, got, args["filename"], err)
		}
	})
}
