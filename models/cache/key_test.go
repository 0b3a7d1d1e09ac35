package cache

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/models"
)

// free are the fields of a request on which no answer depends.
var free = []string{"Band", "Affinity", "Trace", "Shown", "Restart", "Cache.Mode", "Cache.First", "Cache.Similarity"}

// fields lists all there is in a request, by path.
func fields(t reflect.Type, path string, fn func(path string, t reflect.Type, index []int), index ...int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		if f.Type.Kind() == reflect.Struct {
			fields(f.Type, at, fn, append(slices.Clone(index), i)...)
			continue
		}
		fn(at, f.Type, append(slices.Clone(index), i))
	}
}

// other gives a value of a type that differs from v.
func other(v reflect.Value) reflect.Value {
	t := v.Type()
	switch t.Kind() {
	case reflect.String:
		return reflect.ValueOf(v.String() + "x").Convert(t)
	case reflect.Bool:
		return reflect.ValueOf(!v.Bool()).Convert(t)
	case reflect.Int, reflect.Int64:
		return reflect.ValueOf(v.Int() + 1).Convert(t)
	case reflect.Uint8:
		return reflect.ValueOf(uint8(v.Uint() + 1)).Convert(t)
	case reflect.Float64:
		return reflect.ValueOf(v.Float() + 0.25).Convert(t)
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		if !v.IsNil() {
			p.Elem().Set(other(v.Elem()))
		}
		return p
	case reflect.Slice:
		return reflect.Append(v, reflect.Zero(t.Elem()))
	case reflect.Func:
		return reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(true)} })
	default:
		panic(t.Kind())
	}
}

// Whoever adds a field to a request has to say whether answers depend on it.
func TestKeyKnowsEveryField(t *testing.T) {
	before := question("alice", "?")
	for _, part := range []struct {
		in   any
		with func(changed any) models.Request
	}{
		{before, func(v any) models.Request { return v.(models.Request) }},
		{before.Messages[0], func(v any) models.Request {
			r := before
			r.Messages = []models.Message{v.(models.Message), before.Messages[1]}
			return r
		}},
		{models.Image{}, func(v any) models.Request {
			r := before
			r.Messages = []models.Message{{Images: []models.Image{v.(models.Image)}}}
			return r
		}},
		{models.Tool{}, func(v any) models.Request { r := before; r.Tools = []models.Tool{v.(models.Tool)}; return r }},
		{models.ToolCall{}, func(v any) models.Request {
			r := before
			r.Messages = []models.Message{{Calls: []models.ToolCall{v.(models.ToolCall)}}}
			return r
		}},
		{models.Format{}, func(v any) models.Request { r := before; f := v.(models.Format); r.Format = &f; return r }},
	} {
		whole := reflect.TypeOf(part.in)
		fields(whole, "", func(path string, _ reflect.Type, index []int) {
			changed := reflect.New(whole).Elem()
			changed.Set(reflect.ValueOf(part.in))
			f := changed.FieldByIndex(index)
			f.Set(other(f))
			same := keyOf(part.with(changed.Interface()), "v", nil) == keyOf(part.with(part.in), "v", nil)
			if same != (whole == reflect.TypeOf(before) && slices.Contains(free, path)) {
				t.Errorf("%v.%s: same key %v", whole, path, same)
			}
		})
	}
	if keyOf(before, "v", nil) == keyOf(before, "w", nil) || keyOf(before, "v", []string{"1", ""}) == keyOf(before, "v", []string{"", "1"}) {
		t.Error("versions or generations do not count")
	}
}

func words() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "a", "b", "ab", "aa", "\xff", "\xfe", "\ufffd", "a\x00", "\x00a", `"`, `\"`})
}

func drawRequest(t *rapid.T) models.Request {
	w := words()
	r := models.Request{
		Model: w.Draw(t, "model"),
		For:   models.Payer{Account: w.Draw(t, "account"), Person: w.Draw(t, "person"), Role: w.Draw(t, "role"), Skill: w.Draw(t, "skill")},
		Cache: models.Caching{Mode: models.CacheAlways, SkillVersion: w.Draw(t, "version"), Locale: w.Draw(t, "locale"), Knowledge: w.Draw(t, "knowledge"), User: w.Draw(t, "user")},
	}
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		m := models.Message{Role: models.User, Text: w.Draw(t, "text"), Name: w.Draw(t, "name")}
		for range rapid.IntRange(0, 2).Draw(t, "images") {
			m.Images = append(m.Images, models.Image{MIME: w.Draw(t, "mime"), Data: []byte(w.Draw(t, "data"))})
		}
		r.Messages = append(r.Messages, m)
	}
	r.Stop = rapid.SliceOfN(w, 0, 2).Draw(t, "stop")
	return r
}

// Requests that are not the same have not the same key, however their texts are cut.
func TestKeysDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := map[key]string{}
		for range 40 {
			r := drawRequest(t)
			is := fmt.Sprintf("%q %q %q %q", r.Model, fmt.Sprintf("%#v", r.For), fmt.Sprintf("%#v", r.Cache), r.Stop)
			for _, m := range r.Messages {
				is += fmt.Sprintf(" %q %q %q", m.Text, m.Name, fmt.Sprint(len(m.Images)))
				for _, i := range m.Images {
					is += fmt.Sprintf(" %q %q", i.MIME, i.Data)
				}
			}
			k := keyOf(r, "v", nil)
			if was, ok := seen[k]; ok && was != is {
				t.Fatalf("one key for\n%s\n%s", was, is)
			}
			seen[k] = is
		}
	})
}

// Whatever people ask, nobody gets what was said to somebody else.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newRemote()
		w := &teller{}
		_, one := node(w, m)
		_, two := node(w, m)
		nodes := []*Cache{one, two}
		for range 60 {
			r := drawRequest(t)
			c := rapid.SampledFrom(nodes).Draw(t, "node")
			s := hear(t.Context(), c, r)
			want := fmt.Sprintf("%s %s: %s (", r.For.Account, r.For.Person, r.Messages[len(r.Messages)-1].Text)
			if s.err != nil || !strings.HasPrefix(s.text, want) {
				t.Fatalf("%q, want %q: %v", s.text, want, s.err)
			}
		}
		for _, c := range nodes {
			c.Close()
		}
	})
}

// FuzzKey looks for two payers with one key.
func FuzzKey(f *testing.F) {
	f.Add("bot", "alice", "", "bota", "lice", "", "hello")
	f.Add("bot", "a", "lice", "bot", "al", "ice", "hello")
	f.Fuzz(func(t *testing.T, account, person, skill, account2, person2, skill2, text string) {
		one, two := question(person, text), question(person2, text)
		one.For.Account, one.For.Skill = account, skill
		two.For.Account, two.For.Skill = account2, skill2
		if (one.For == two.For) != (keyOf(one, "v", nil) == keyOf(two, "v", nil)) {
			t.Errorf("%+v and %+v", one.For, two.For)
		}
	})
}
