package expr

func textFunctions() []*Function   { return nil }
func regexFunctions() []*Function  { return nil }
func listFunctions() []*Function   { return nil }
func mapFunctions() []*Function    { return nil }
func numberFunctions() []*Function { return nil }
func codecFunctions() []*Function  { return nil }
func pathFunctions() []*Function   { return nil }
func hostFunctions() []*Function   { return nil }
func timeFunctions() []*Function   { return nil }
func netFunctions() []*Function    { return nil }

type fix struct{}

func habit(src string, l *lexed, d dialect) *fix            { return nil }
func (f *fix) mended(src string, l *lexed, d dialect) *perr { return nil }
func unknownFunction(name string, off int) *perr {
	return &perr{off: off, msg: "unknown function " + name}
}
func nameHint(string) string        { return "" }
func methodHint(*memberNode) string { return "" }

type frame struct{}

func (f *frame) get(string) (any, bool)            { return nil, false }
func (n *dynNode) eval(ev *evaluator) (any, error) { return nil, nil }

type fileOptions struct{}

// Include is a template file that another one names.
type Include struct {
	Name string // "" when it is computed
}

// Includes are the template files that t imports and includes.
func (t *Template) Includes() []Include { return t.code.incs }

// ParseFile reads a template file.
func ParseFile(name, src string) (*Template, error) { return ParseString(src, nil) }

func (s *static) template(t *Template) {
	for _, p := range t.code.parts {
		if p, ok := p.(*printStmt); ok {
			s.typ(p.n, false)
		}
	}
}
