package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Changed gives the paths at which two configurations differ, in order: single keys, whole
// lists, and whole channels. It shows no value.
func Changed(before, after *Config) []string {
	found := changed("", reflect.ValueOf(*before), reflect.ValueOf(*after))
	slices.Sort(found)
	return found
}

func changed(path string, a, b reflect.Value) []string {
	var found []string
	switch a.Kind() { //nolint:exhaustive // all others are one value
	case reflect.Struct:
		inside := false
		for i := range a.NumField() {
			if key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ","); key != "" {
				inside = true
				found = append(found, changed(strings.TrimPrefix(path+"."+key, "."), a.Field(i), b.Field(i))...)
			}
		}
		if inside {
			return found
		}
	case reflect.Map:
		for _, name := range mapKeys(a, b) {
			x, y := a.MapIndex(name), b.MapIndex(name)
			if !x.IsValid() || !y.IsValid() || !reflect.DeepEqual(x.Interface(), y.Interface()) {
				found = append(found, fmt.Sprintf("%s.%v", path, name))
			}
		}
		return found
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		found = append(found, path)
	}
	return found
}

// mapKeys are those of either.
func mapKeys(a, b reflect.Value) []reflect.Value {
	all := a.MapKeys()
	for _, key := range b.MapKeys() {
		if !a.MapIndex(key).IsValid() {
			all = append(all, key)
		}
	}
	return all
}
