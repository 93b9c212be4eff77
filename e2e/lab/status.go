package lab

// State is a host as the lab sees it from outside.
type State struct {
	Host
	Group string
	State string // up, or down if its processes ended
}

// Status lists the hosts of all groups.
func (c Config) Status() ([]State, error) {
	all, err := c.records()
	if err != nil {
		return nil, err
	}
	var states []State
	for _, h := range all {
		s := State{Host: Host{Name: h.Name, Addr: h.Addr, Suite: h.Suite, Aliases: h.Aliases}, Group: h.Group, State: "down"}
		if h.leader() != 0 {
			s.State = "up"
		}
		states = append(states, s)
	}
	return states, nil
}
