package memstore

import "reflect"

// deepCopy returns a copy of v that shares no slice or pointer with it, so that a
// caller may change what it passed or received. Unexported fields (of time.Time) are
// copied as they are.
func deepCopy[T any](v T) T {
	copyInto(reflect.ValueOf(&v).Elem())
	return v
}

func copyInto(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			copyInto(own.Elem())
			v.Set(own)
		}
	case reflect.Slice:
		if !v.IsNil() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			for i := range own.Len() {
				copyInto(own.Index(i))
			}
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				copyInto(v.Field(i))
			}
		}
	}
}
