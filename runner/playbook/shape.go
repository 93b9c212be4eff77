package playbook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// keyword reads the i-th key of n as a keyword at a place.
func (l *load) keyword(n *source.Node, i int, at Place, d dest) {
	f := n.Fields[i]
	k := l.words.byName[f.Key]
	switch {
	case k == nil:
		l.unknownWord(n, i, at)
	case k.On&at == 0:
		l.misplaced(n, i, k, at)
	case k.Refused != "":
		l.add(n.KeyErrorf(i, "%s is no keyword here", f.Key)).Hint = k.Refused
	case l.shape(n, i, k):
		k.put(l, d, f)
		return
	}
	l.Lost.Field(f)
	if k == nil || k.Name == "loop" {
		l.Lost.Text("item")
	}
}

func placeName(at Place) string {
	switch at {
	case OnRole:
		return "the use of a role"
	case OnPlaybookImport:
		return "import_playbook"
	case OnImport, OnInclude:
		return "an " + at.String()
	}
	return "a " + at.String()
}

func (l *load) unknownWord(n *source.Node, i int, at Place) {
	key := n.Fields[i].Key
	e := l.add(n.KeyErrorf(i, "unknown keyword %s of %s", key, placeName(at)))
	e.Hint = didYouMean(key, l.words.names(at))
	if e.Hint == "" && at == OnPlay && l.module(key) != "" {
		e.Msg, e.Hint = "a play has no module "+key, "put it below tasks:"
	}
}

// misplaced reports a keyword that is none where it stands.
func (l *load) misplaced(n *source.Node, i int, k *Keyword, at Place) {
	e := l.add(n.KeyErrorf(i, "%s is no keyword of %s", k.Name, placeName(at)))
	switch {
	case k.Refused != "":
		e.Hint = k.Refused
	case at == OnInclude && k.On&OnTask != 0 && k.Inherit != Not:
		e.Hint = "to hand it to the tasks that are included: apply: {" + k.Name + ": ...} beside the file or name"
	case at == OnImport && k.Name == "loop":
		e.Hint = "an import cannot loop, an include can"
	case at == OnPlay && k.Name == "when":
		e.Hint = "put the tasks in a block: with the when"
	case at == OnPlaybookImport && k.Name == "hosts":
		e.Hint = "the imported plays name their hosts"
	case at == OnTask && k.Name == "listen":
		e.Hint = "only handlers listen"
	case at == OnTask && (k.Name == "rescue" || k.Name == "always"):
		e.Hint = "it needs a block: beside it"
	case at == OnTask && k.On == OnPlay, at == OnHandler && k.On == OnPlay:
		e.Hint = "it belongs to the play; is the indentation right?"
	case at == OnBlock && k.On&OnTask != 0:
		e.Hint = "put it on the tasks of the block"
	default:
		e.Hint = didYouMean(k.Name, l.words.names(at))
	}
}

// shape tells whether the value of a keyword is of the shape that it takes, and reports it if not.
func (l *load) shape(n *source.Node, i int, k *Keyword) bool {
	v := n.Fields[i].Value
	if v.IsNull() {
		switch k.Shape {
		case Tasks, Roles, Dict, Dicts, Listing, Texts:
			if k.Name != "hosts" {
				return true
			}
		}
		l.add(n.KeyErrorf(i, "%s has no value", k.Name)).Hint = "give it one, or take the line out"
		return false
	}
	if v.Vault {
		return true
	}
	var bad *source.Error
	switch k.Shape {
	case Bool:
		bad = wantBool(k.Name, v)
	case Int, Number:
		bad = wantNumber(k.Name, v, k.Shape)
	case Text:
		bad = wantWord(k, v)
	case Texts:
		bad = wantTexts(k.Name, v)
	case Cond:
		bad = wantCond(k.Name, v)
	case Ident:
		bad = wantIdent(k.Name, v)
	case Looped:
		if v.Kind == source.Map || v.Kind == source.Scalar && !isString(v) {
			bad = v.Errorf("loop takes a list, not a %s", v.TypeName())
			if v.Kind == source.Map {
				bad.Hint = "dict2items makes a list of a map"
			}
		}
	case Dict:
		if v.Kind != source.Map {
			bad = v.Errorf("%s takes a map, not a %s", k.Name, v.TypeName())
		}
	case Dicts:
		bad = wantDicts(k.Name, v)
	case Listing, Roles, Tasks:
		if v.Kind != source.List {
			bad = v.Errorf("%s takes a list, not a %s", k.Name, v.TypeName())
			if v.Kind == source.Map {
				bad.Hint = "begin each entry with a dash"
			}
		}
	}
	if bad != nil {
		l.add(bad)
	}
	return bad == nil
}

func isString(n *source.Node) bool { _, ok := n.Value.(string); return ok }

// wantWord holds a text to the words that the keyword knows, if those are all.
func wantWord(k *Keyword, v *source.Node) *source.Error {
	if v.Kind != source.Scalar {
		return v.Errorf("%s takes a text, not a %s", k.Name, v.TypeName())
	}
	s, constant := constant(v)
	if k.Words == nil || !constant || slices.Contains(k.Words, s) {
		return nil
	}
	e := v.Errorf("%s is one of %s, not %s", k.Name, strings.Join(k.Words, ", "), strconv.Quote(s))
	e.Hint = didYouMean(s, k.Words)
	return e
}

func wantBool(name string, v *source.Node) *source.Error {
	s, constant := constant(v)
	switch x := v.Value.(type) {
	case bool:
		return nil
	case int64:
		if x == 0 || x == 1 {
			return nil
		}
	}
	if v.Kind == source.Scalar && !constant {
		return nil
	}
	switch strings.ToLower(s) {
	case "yes", "no", "true", "false", "on", "off", "y", "n", "t", "f", "1", "0":
		return nil
	}
	if v.Kind != source.Scalar {
		return v.Errorf("%s is either true or false, not a %s", name, v.TypeName())
	}
	e := v.Errorf("%s is either true or false, not %s", name, strconv.Quote(s))
	switch near := source.DidYouMean(s, []string{"true", "false", "yes", "no"}); {
	case near != "":
		e.Hint = "did you mean " + near + "?"
	case looksLikeExpr(s):
		e.Hint = name + ": " + source.QuoteYAML("{{ "+s+" }}")
	}
	return e
}

func wantNumber(name string, v *source.Node, shape Shape) *source.Error {
	if v.Kind != source.Scalar {
		return v.Errorf("%s takes a number, not a %s", name, v.TypeName())
	}
	s, constant := constant(v)
	if !constant {
		return nil
	}
	_, isInt := v.Value.(int64)
	_, isFloat := v.Value.(float64)
	if isInt || isFloat && shape == Number {
		return nil
	}
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && shape == Number {
		return nil
	}
	e := v.Errorf("%s takes a whole number, not %s", name, strconv.Quote(s))
	if shape == Number {
		e.Msg = name + " takes a number, not " + strconv.Quote(s)
	}
	if looksLikeExpr(s) {
		e.Hint = name + ": " + source.QuoteYAML("{{ "+s+" }}")
	}
	return e
}

var exprForm = regexp.MustCompile(`^[A-Za-z_]\w*(\.\w+|\[[^\]]*\])*(\s*\|\s*\w+.*)?$`)

// looksLikeExpr tells whether a text could be meant as an expression.
func looksLikeExpr(s string) bool { return exprForm.MatchString(s) }

func wantTexts(name string, v *source.Node) *source.Error {
	switch v.Kind {
	case source.Map:
		return v.Errorf("%s takes a text or a list of texts, not a map", name)
	case source.List:
		for _, e := range v.Items {
			if e.Kind != source.Scalar || e.IsNull() {
				return e.Errorf("%s takes texts, not a %s", name, e.TypeName())
			}
		}
	}
	return nil
}

func wantCond(name string, v *source.Node) *source.Error {
	for _, e := range listOf(v) {
		if e.Kind == source.Scalar {
			switch x := e.Value.(type) {
			case bool:
				continue
			case string:
				if strings.TrimSpace(x) != "" {
					continue
				}
				return e.Errorf("%s holds no expression", name)
			}
		}
		bad := e.Errorf("%s takes an expression or a list of them, not a %s", name, e.TypeName())
		if e.Kind == source.Map && len(e.Fields) == 1 {
			bad.Hint = "quote it: " + name + `: '...'; a colon and a brace mean something in YAML`
		}
		return bad
	}
	return nil
}

func wantDicts(name string, v *source.Node) *source.Error {
	for _, e := range listOf(v) {
		if e.Kind == source.Map || e.Kind == source.Scalar && isString(e) && templated(e.Value.(string)) {
			continue
		}
		return e.Errorf("%s takes a map, not a %s", name, e.TypeName())
	}
	return nil
}

var identForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func wantIdent(name string, v *source.Node) *source.Error {
	if v.Kind != source.Scalar {
		return v.Errorf("%s takes the name of a variable, not a %s", name, v.TypeName())
	}
	s, ok := constant(v)
	if !ok {
		return v.Errorf("%s takes the name of a variable, not a template", name)
	}
	if !identForm.MatchString(s) {
		return badIdent(v.Errorf("%s is no name for a variable", strconv.Quote(s)), s)
	}
	return nil
}

// BadName is the error of a text that cannot name a variable; it has no place.
func BadName(s string) *source.Error {
	return badIdent(&source.Error{Msg: strconv.Quote(s) + " is no name for a variable"}, s)
}

// badIdent adds a name that would do.
func badIdent(e *source.Error, s string) *source.Error {
	e.Hint = "letters, digits and _, not a digit first"
	if fixed := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == ' ' {
			return '_'
		}
		return r
	}, s); identForm.MatchString(fixed) {
		e.Hint = "write " + fixed
	}
	return e
}
