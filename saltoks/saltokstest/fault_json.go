package saltokstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// faultJSON is a fault in a request to the control endpoint.
type faultJSON struct {
	Name         string                     `json:"name"`
	Count        *int                       `json:"count,omitempty"`
	Delay        *faultDelay                `json:"delay,omitempty"`
	On           string                     `json:"on,omitempty"`
	Target       string                     `json:"target,omitempty"`
	After        bool                       `json:"after,omitempty"`
	Status       int                        `json:"status,omitempty"`
	Code         string                     `json:"code,omitempty"`
	InnerCode    *string                    `json:"inner_code,omitempty"`
	Message      string                     `json:"message,omitempty"`
	ContentType  *string                    `json:"content_type,omitempty"`
	Body         *string                    `json:"body,omitempty"`
	Fields       map[string]json.RawMessage `json:"fields,omitempty"`
	RemoveFields []string                   `json:"remove_fields,omitempty"`
}

// faultDelay is a duration as a text such as "3s", or as a number of seconds.
type faultDelay time.Duration

func (d faultDelay) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

func (d *faultDelay) UnmarshalJSON(data []byte) error {
	var seconds float64
	if json.Unmarshal(data, &seconds) == nil {
		*d = faultDelay(seconds * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`delay must be a text such as "3s" or a number of seconds`)
	}
	v, err := time.ParseDuration(text)
	*d = faultDelay(v)
	return err
}

func (in faultJSON) fault() (*armedFault, error) {
	var opts []FaultOption
	if in.Count != nil {
		opts = append(opts, Count(*in.Count))
	}
	if in.Delay != nil {
		opts = append(opts, Delay(time.Duration(*in.Delay)))
	}
	if in.After {
		opts = append(opts, After())
	}
	if in.Status != 0 {
		opts = append(opts, Status(in.Status))
	}
	if in.On != "" {
		opts = append(opts, On(in.On))
	}
	if in.Target != "" {
		opts = append(opts, Target(in.Target))
	}
	if in.InnerCode != nil {
		opts = append(opts, InnerCode(*in.InnerCode))
	}
	if in.Code != "" {
		opts = append(opts, ErrorCode(in.Code))
	}
	if in.Message != "" {
		opts = append(opts, ErrorMessage(in.Message))
	}
	if in.ContentType != nil {
		opts = append(opts, ContentType(*in.ContentType))
	}
	if in.Body != nil {
		opts = append(opts, Body(*in.Body))
	}
	for path, value := range in.Fields {
		opts = append(opts, Field(path, string(value)))
	}
	for _, path := range in.RemoveFields {
		opts = append(opts, WithoutField(path))
	}
	return newFault(in.Name, opts)
}

// json is the reverse of faultJSON.fault.
func (f *armedFault) json() faultJSON {
	delay, count := faultDelay(f.delay), f.count
	out := faultJSON{
		Name: f.name, Delay: &delay, On: f.on, Target: f.target, After: f.after, Status: f.status, Code: f.code, Message: f.message,
		ContentType: f.contentType, Body: f.body,
	}
	if f.counted {
		out.Count = &count
	}
	for _, c := range f.fields {
		if c.value == "" {
			out.RemoveFields = append(out.RemoveFields, c.path)
			continue
		}
		if out.Fields == nil {
			out.Fields = map[string]json.RawMessage{}
		}
		out.Fields[c.path] = json.RawMessage(c.value)
	}
	return out
}

// decodeStrict reads one JSON value without unknown fields.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON value")
	}
	return nil
}
