package source

// PosAt is the place of the byte offset within the scalar's text.
func (n *Node) PosAt(offset int) Pos { return n.Pos }
