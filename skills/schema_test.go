package skills_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/skills"
)

const forecast = `{
	"type": "object",
	"properties": {
		"days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 3, "description": "How many days"},
		"city": {"type": "string", "description": "Where", "maxLength": 40},
		"unit": {"type": "string", "enum": ["C", "F"]},
		"wind": {"type": "boolean"},
		"above": {"type": "number", "minimum": -90}
	},
	"required": ["city"]
}`

func parse(t *testing.T, text string) *skills.Schema {
	t.Helper()
	s, err := skills.ParseSchema(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaArguments(t *testing.T) {
	var got []string
	for _, a := range parse(t, forecast).Arguments() {
		word := a.Name + " " + string(a.Kind)
		if a.Required {
			word += "!"
		}
		got = append(got, word)
	}
	want := []string{"city string!", "days integer", "unit string", "wind boolean", "above number"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("required first, else as written (-want +got):\n%s", diff)
	}
	for language, want := range map[string]string{
		"en": "<city> [days=…] [unit=C|F] [wind=yes|no] [above=…]", "de": "<city> [days=…] [unit=C|F] [wind=ja|nein] [above=…]",
	} {
		if got := parse(t, forecast).Usage(language); got != want {
			t.Errorf("%s: %s", language, got)
		}
	}
}

func TestReadArguments(t *testing.T) {
	for text, want := range map[string]string{
		"Berlin":                               `{"city":"Berlin","days":3}`,
		"  New York \t":                        `{"city":"New York","days":3}`,
		"New\nYork":                            `{"city":"New\nYork","days":3}`,
		`"New York" 5 f yes 2.5`:               `{"above":2.5,"city":"New York","days":5,"unit":"F","wind":true}`,
		"days=2 New York":                      `{"city":"New York","days":2}`,
		"New days=2 York":                      `{"city":"New York","days":2}`,
		"DAYS=2 city=Rome":                     `{"city":"Rome","days":2}`,
		`city="a \"b\" \\ c" wind=nein`:        `{"city":"a \"b\" \\ c","days":3,"wind":false}`,
		"city=“Bad Ischl” unit=c":              `{"city":"Bad Ischl","days":3,"unit":"C"}`,
		"city=„Bad Ischl“":                     `{"city":"Bad Ischl","days":3}`,
		"city='Bad Ischl'":                     `{"city":"Bad Ischl","days":3}`,
		`city=""`:                              `{"city":"","days":3}`,
		"a=b":                                  `{"city":"a=b","days":3}`,
		"don't stop":                           `{"city":"don't stop","days":3}`,
		`"open`:                                `{"city":"\"open","days":3}`,
		"days=":                                ``,
		`{"city": "Rome", "days": 4}`:          `{"city":"Rome","days":4}`,
		"x days=9007199254740993":              ``,
		"":                                     ``,
		"Berlin days=8":                        ``,
		"Berlin days=2.5":                      ``,
		"Berlin unit=K":                        ``,
		"Berlin wind=perhaps":                  ``,
		"Berlin above=NaN":                     ``,
		"Berlin above=1e999":                   ``,
		"Berlin above=-91":                     ``,
		`"Berlin" 1 c yes 1 more`:              ``,
		"days=1 days=2 Berlin":                 ``,
		strings.Repeat("x", 41):                ``,
		`{"city": 1}`:                          `{"city":"{\"city\": 1}","days":3}`,
		"\xff":                                 `{"city":"\ufffd","days":3}`,
		"city=x above=1 wind=on unit=F days=7": `{"above":1,"city":"x","days":7,"unit":"F","wind":true}`,
	} {
		got, wrong := parse(t, forecast).Read(text)
		if want == "" {
			if got != nil || len(wrong) == 0 {
				t.Errorf("%q is taken: %s", text, got)
			}
			continue
		}
		var a, b any
		if err := json.Unmarshal(got, &a); err != nil || json.Unmarshal([]byte(want), &b) != nil {
			t.Errorf("%q: %s, %v, wrong %v", text, got, err, say(wrong, "en"))
			continue
		}
		if diff := cmp.Diff(b, a); diff != "" || len(wrong) > 0 {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func say(wrong []skills.Wrong, language string) string {
	words := make([]string, len(wrong))
	for i, w := range wrong {
		words[i] = w.In(language)
	}
	return strings.Join(words, "\n")
}

func TestWrongArgumentsAreToldAllAtOnce(t *testing.T) {
	_, wrong := parse(t, forecast).Read("days=9 unit=K wind=x above=-99 days=1.5")
	for language, want := range map[string]string{
		"en": "days is there twice.\ncity is missing.\ndays is “1.5”, but must be a whole number, from 1 to 7.\n" +
			"unit is “K”, but must be one of: C, F.\nwind is “x”, but must be yes or no.\nabove is “-99”, but must be a number, such as 2.5, at least -90.",
		"de": "days steht zweimal da.\ncity fehlt.\ndays ist „1.5“, muss aber eine ganze Zahl, von 1 bis 7 sein.\n" +
			"unit ist „K“, muss aber eines von: C, F sein.\nwind ist „x“, muss aber ja oder nein sein.\nabove ist „-99“, muss aber eine Zahl, etwa 2.5, mindestens -90 sein.",
	} {
		if diff := cmp.Diff(want, say(wrong, language)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", language, diff)
		}
	}
	_, wrong = parse(t, forecast).Read(`Rome 1 c yes 1 ` + strings.Repeat("ä", 60))
	if got := say(wrong, "en"); !strings.Contains(got, "ä…”") || !strings.Contains(got, "up to 40 characters") {
		t.Errorf("a long word is told as %q", got)
	}
}

func TestCheckTakesJSON(t *testing.T) {
	s := parse(t, forecast)
	for input, want := range map[string]string{
		`{"city":"Rome"}`: `{"city":"Rome","days":3}`, ` `: "", `null`: "", `[]`: "", `{"city":1}`: "", `{"city":"Rome","more":1}`: "", `{`: "",
		`{"city":"Rome","days":2.5}`: "",
	} {
		got, err := s.Check(json.RawMessage(input))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", input, got, err)
		}
	}
}

func TestSchemasThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                   "cannot be read",
		`{"type": "string"}`:                  `a schema is {"type": "object"`,
		`{"type": "object", "allOf": [true]}`: `"allOf" is not supported`,
		`{"type": "object", "required": ["x"], "properties": {}}`:                                                        `"x" is required and no property`,
		`{"type": "object", "properties": {"X": {"type": "string"}}}`:                                                    "a name is 1 to 32 of a-z",
		`{"type": "object", "properties": {"x": {}}}`:                                                                    "its type is one of string",
		`{"type": "object", "properties": {"x": {"type": "array"}}}`:                                                     "its type is one of string",
		`{"type": "object", "properties": {"x": {"type": "string", "$ref": "#"}}}`:                                       `"$ref" is not supported`,
		`{"type": "object", "properties": {"x": {"type": "integer", "enum": [1]}}}`:                                      "the choice 1",
		`{"type": "object", "properties": {"x": {"type": "string", "enum": ["a", "a"]}}}`:                                "the choice a",
		`{"type": "object", "properties": {"x": {"type": "string", "enum": []}}}`:                                        "0 choices",
		`{"type": "object", "properties": {"x": {"type": "integer", "default": "a"}}}`:                                   "a",
		`{"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}}`:                                    "(",
		`{"type": "object", "properties": {"x": {"type": "string", "description": "a\nb"}}}`:                             "more than one line",
		`{"type": "object", "properties": {"x": {"type": "string", "enum": ["a", "` + strings.Repeat("b", 101) + `"]}}}`: "the choice b",
	} {
		if _, err := skills.ParseSchema(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	_, err := skills.ParseSchema(json.RawMessage(`{"type": "object", "properties": {"X": {"type": "array"}, "y": {"type": "null"}}, "required": ["z"]}`))
	if n := strings.Count(err.Error(), "\n"); n < 3 {
		t.Errorf("not all that is wrong is told: %v", err)
	}
}

func FuzzReadArguments(f *testing.F) {
	s, err := skills.ParseSchema(json.RawMessage(forecast))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", "a b", `city="x y" days=3`, "“a” 'b", `{"city":"x"}`, `\"`, "days=2 a days"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		input, wrong := s.Read(text)
		if (input == nil) != (len(wrong) > 0) {
			t.Fatalf("%q: %s and %d wrong", text, input, len(wrong))
		}
		if input == nil {
			return
		}
		if again, err := s.Check(input); err != nil || string(again) != string(input) {
			t.Fatalf("%q gave %s, which is %s, %v", text, input, again, err)
		}
	})
}
