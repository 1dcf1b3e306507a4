package strictjson_test

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/internal/strictjson"
)

type shop struct {
	Name  string  `json:"name"`
	Open  bool    `json:"open,omitzero"`
	Kind  kind    `json:"kind,omitzero"`
	Items []item  `json:"items,omitzero"`
	Owner *string `json:"owner,omitzero" null:"absent"`
	note  string  // without a key
}

type item struct {
	Price int `json:"price"`
}

type kind string

var forms = strictjson.Forms{
	reflect.TypeFor[int](): strictjson.Text("a price", strconv.Atoi, strconv.Itoa),
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     []string
	}{
		"fine":           {`{"name":"x","open":true,"kind":"k","items":[{"price":"5"},{"price":"7"}],"owner":null}`, nil},
		"not an object":  {`7`, []string{"document"}},
		"more":           {`{} {}`, []string{"document"}},
		"cut off":        {`{"items":[{"price":"5"`, []string{"document"}},
		"not UTF-8":      {"\"\xff\"", []string{"document"}},
		"unknown":        {`{"Name":"x","note":"x","a.b":{"c":[1]},"":0}`, []string{"Name", "note", `[""]`, `["a.b"]`}},
		"twice":          {`{"name":"x","name":"y"}`, []string{"name"}},
		"null":           {`{"name":null,"open":null,"items":null,"kind":null,"owner":null}`, []string{"name", "open", "kind", "items"}},
		"kinds":          {`{"name":[],"open":"true","items":{},"owner":1,"kind":""}`, []string{"name", "open", "kind", "items", "owner"}},
		"values":         {`{"items":[{"price":"five"},7,{"price":5}]}`, []string{"items[0].price", "items[1]", "items[2].price"}},
		"a fault inside": {`{"owner":{"a":[{"b":1}]},"name":"x"}`, []string{"owner"}},
	} {
		var s shop
		var faults strictjson.Faults
		isJSON := strictjson.Decode([]byte(c.document), &s, forms, &faults)
		var got []string
		for _, f := range faults.Sorted(reflect.TypeFor[shop]()) {
			got = append(got, f.Path)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || isJSON == (name == "cut off" || name == "not UTF-8") {
			t.Errorf("%s: is JSON: %v (-want +got):\n%s", name, isJSON, diff)
		}
	}
}

func TestEncodeIsTheReverse(t *testing.T) {
	const document = `{"name":"x","open":true,"kind":"k","items":[{"price":"5"},{"price":"7"}],"owner":"ada"}`
	var s shop
	var faults strictjson.Faults
	if !strictjson.Decode([]byte(document), &s, forms, &faults) || faults.Len() > 0 {
		t.Fatal(faults)
	}
	s.note = "is not written"
	if got := string(strictjson.Encode(s, forms)); got != document {
		t.Errorf("got  %s\nwant %s", got, document)
	}
	if got := string(strictjson.Encode(shop{Items: []item{}}, forms)); got != `{"name":"","items":[]}` {
		t.Errorf("an empty list is not an absent one: %s", got)
	}
}

// A fault of a value that could not be read is not added again, nor are faults below it.
func TestFollow(t *testing.T) {
	var s shop
	var faults strictjson.Faults
	strictjson.Decode([]byte(`{"items":7,"name":null}`), &s, forms, &faults)
	items := strictjson.Key("items")
	first := items.Item(0)
	price := first.Field("price")
	for _, path := range []string{"name", items.String(), price.String(), "items2", "kind"} {
		faults.Follow(path, "x")
	}
	var got []string
	for _, f := range faults.Sorted(reflect.TypeFor[shop]()) {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"name", "kind", "items", "items2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !faults.Has("name") || faults.Has("open") || faults.Readable("items") ||
		!faults.Readable("kind") || price.String() != "items[0].price" {
		t.Errorf("%v", faults)
	}
}
