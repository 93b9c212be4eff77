package runner

import "github.com/mxplay/mxplay/runner/playbook"

func (c *compiler) specTask(r *playbook.RoleUse) []*task { c.noteSpec(r); return nil }
