package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// fields describes the fields of an object as "name:kind name:kind". A kind that ends in
// "?" may be null.
type fields string

// kinds are the forms of values that WIRE.md 5 describes.
var kinds = map[string]func(v any) bool{
	"text":    func(v any) bool { _, ok := v.(string); return ok },
	"boolean": func(v any) bool { _, ok := v.(bool); return ok },
	"number":  func(v any) bool { _, ok := v.(json.Number); return ok },
	"list":    func(v any) bool { _, ok := v.([]any); return ok },
	"object":  func(v any) bool { _, ok := v.(map[string]any); return ok },
	"id":      matches(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`),
	"mac":     matches(`^[0-9A-F]{2}\.[0-9A-F]{2}\.[0-9A-F]{2}$`),
	"mac14":   matches(`^[0-9A-Fa-f]{14}$`),
	"uid":     matches(`^[A-Z]{2}[0-9]{10}$`),
	"span":    matches(`^([0-9]+\.)?[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?$`),
	"clock":   matches(`^[0-9]{2}:[0-9]{2}:[0-9]{2}$`),
	"instant": matches(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?Z$`),
	"second":  matches(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`),
	"local":   matches(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$`),
	"zone":    isZone,
}

func matches(pattern string) func(any) bool {
	re := regexp.MustCompile(pattern)
	return func(v any) bool {
		text, ok := v.(string)
		return ok && re.MatchString(text)
	}
}

func isZone(v any) bool {
	name, ok := v.(string)
	if !ok || name == "" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// jsonType names the JSON type of a value, but not the value.
func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}

// compare returns the faults of an object, and the names of fields that are not described.
func (f fields) compare(o map[string]any) (faults, extra []string) {
	described := map[string]bool{}
	for part := range strings.FieldsSeq(string(f)) {
		name, kind, _ := strings.Cut(part, ":")
		described[name] = true
		v, present := o[name]
		kind, optional := strings.CutSuffix(kind, "?")
		switch {
		case !present:
			faults = append(faults, name+" is missing")
		case v == nil && optional:
		case !kinds[kind](v):
			fault := fmt.Sprintf("%s is %s", name, jsonType(v))
			if _, isText := v.(string); isText && kind != "boolean" && kind != "number" && kind != "list" && kind != "object" {
				fault = name + " is a text of another form"
			}
			faults = append(faults, fault+", not "+kind)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !described[name] {
			extra = append(extra, name)
		}
	}
	return faults, extra
}

// shape compares every object with the fields.
func shape(f fields, all []map[string]any) finding {
	if len(all) == 0 {
		return unseen("there is none")
	}
	var faults, extra []string
	for _, o := range all {
		bad, more := f.compare(o)
		faults, extra = merge(faults, bad), merge(extra, more)
	}
	if len(faults) > 0 {
		return differ("%s", strings.Join(faults, "; "))
	}
	seen := fmt.Sprintf("%d fields; objects: %d", len(strings.Fields(string(f))), len(all))
	if len(extra) > 0 {
		seen += ", and also " + strings.Join(extra, ", ")
	}
	return agree("%s", seen)
}

func merge(list, more []string) []string {
	for _, x := range more {
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// values compares the values of a field with those that are known.
func values(all []map[string]any, field string, known ...string) finding {
	var seen, unknown []string
	for _, o := range all {
		v, ok := o[field]
		text, isText := v.(string)
		switch {
		case !ok || v == nil:
			continue
		case !isText:
			return differ("%s is %s", field, jsonType(v))
		}
		word := text
		if !aWord.MatchString(text) {
			word = "a text of another form" // it may name a person
		}
		seen = merge(seen, []string{word})
		if !slices.Contains(known, text) {
			unknown = merge(unknown, []string{word})
		}
	}
	switch {
	case len(seen) == 0:
		return unseen("no %s", field)
	case len(unknown) > 0:
		return differ("not known so far: %s", strings.Join(unknown, ", "))
	}
	return agree("%s", strings.Join(seen, ", "))
}

// aWord matches the values of enumerations.
var aWord = regexp.MustCompile(`^[A-Za-z0-9_.+-]{1,40}$`)

// inner returns the objects in a field of each object; null is left out.
func inner(all []map[string]any, field string) []map[string]any {
	var found []map[string]any
	for _, o := range all {
		switch v := o[field].(type) {
		case map[string]any:
			found = append(found, v)
		case []any:
			found = append(found, objects(v)...)
		}
	}
	return found
}

// envelope is the envelope of a list.
const envelope fields = "items:list next_page_link:text? count:number?"
