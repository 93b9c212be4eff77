package modules

import (
	"encoding/json"
	"reflect"
)

// public is a state or result as JSON without the fields tagged private. A
// list or map that is nil is an empty one.
func public(s any) json.RawMessage {
	if v := reflect.ValueOf(s); v.Kind() == reflect.Struct {
		if _, own := s.(json.Marshaler); !own {
			s = publish(v)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// publish copies a struct into one that has only its public fields, those of
// embedded structs beside them.
func publish(v reflect.Value) any {
	var fields []reflect.StructField
	var vals []reflect.Value
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			f, x := v.Type().Field(i), v.Field(i)
			switch {
			case f.Tag.Get("private") == "true":
			case f.Anonymous && f.Type.Kind() == reflect.Struct:
				walk(x)
			case !f.IsExported():
			default:
				if k := f.Type.Kind(); k == reflect.Slice && x.IsNil() && f.Type != reflect.TypeFor[json.RawMessage]() {
					x = reflect.MakeSlice(f.Type, 0, 0)
				} else if k == reflect.Map && x.IsNil() {
					x = reflect.MakeMap(f.Type)
				}
				fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
				vals = append(vals, x)
			}
		}
	}
	walk(v)
	out := reflect.New(reflect.StructOf(fields)).Elem()
	for i, x := range vals {
		out.Field(i).Set(x)
	}
	return out.Interface()
}
