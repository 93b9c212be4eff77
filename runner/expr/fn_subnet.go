package expr

import (
	"encoding/hex"
	"math/big"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// subnetFunctions calculate with addresses, networks and hardware addresses.
func subnetFunctions() []*Function {
	addr, network := p("address", KString), p("network", KString)
	inside := func(name, doc string, hosts bool) *Function {
		return &Function{Name: name, Params: []Param{network, p("address", KString)}, Result: KBool, Doc: doc,
			Example: []string{name + `("192.0.2.0/24", "192.0.2.1")`, `true`, name + `("192.0.2.0/24", "198.51.100.1")`, `false`},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(0)
				if err != nil {
					return nil, err
				}
				w, err := c.netArg(1)
				return err == nil && n.holds(w, hosts), err
			}}
	}
	usable := func(name, doc string, sign int64, out string) *Function {
		return &Function{Name: name, Params: []Param{addr, p("offset", KInt)}, Result: KString | KBool, Doc: doc, Example: []string{name + `("192.0.2.10/24", 2)`, out},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(0)
				if err != nil || n.hosts() == 0 {
					return false, err
				}
				a, ok := addrOf(new(big.Int).Add(n.number(), big.NewInt(sign*c.intOr(1, 0))), n.addr.Is4())
				first, last := n.usable()
				return choose(ok && a.Compare(first) >= 0 && a.Compare(last) <= 0, a.String()), nil
			}}
	}
	return []*Function{
		{Name: "ipmath", Params: []Param{addr, p("amount", KInt)}, Result: KString, Doc: "the address that many further, or back.",
			Example: []string{`ipmath("192.0.2.5", 5)`, `"192.0.2.10"`, `ipmath("192.0.2.5", -10)`, `"192.0.1.251"`},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(0)
				if err != nil {
					return nil, err
				}
				a, ok := addrOf(new(big.Int).Add(n.number(), big.NewInt(c.intOr(1, 0))), n.addr.Is4())
				if !ok {
					return nil, c.errorf("there is no such address")
				}
				return a.String(), nil
			}},
		{Name: "ipsubnet", Params: []Param{addr, opt("query", KInt|KString, `""`), opt("index", KInt|KNull, "null")}, Result: KString | KBool,
			Doc: "the network of an address. With a prefix length: of a network how many such it holds, of an address the one that holds it; with an index that one of them. With a network as query: which of its parts this is, from 1.",
			Example: []string{`ipsubnet("192.0.2.7/24")`, `"192.0.2.0/24"`, `ipsubnet("192.168.0.0/16", 20)`, `"16"`, `ipsubnet("192.168.0.0/16", 20, 1)`, `"192.168.16.0/20"`,
				`ipsubnet("192.168.144.5", 20)`, `"192.168.144.0/20"`},
			call: callIPSubnet},
		{Name: "nthhost", Params: []Param{network, p("n", KInt)}, Result: KString | KBool, Doc: "the n-th address of a network, without its prefix; false when there is none.",
			Example: []string{`nthhost("10.0.0.0/8", 305)`, `"10.0.1.49"`, `nthhost("10.0.0.0/8", -1)`, `"10.255.255.255"`},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(0)
				if err != nil {
					return nil, err
				}
				a, ok := nth(n.prefix().Masked(), c.intOr(1, 0))
				return choose(ok && c.intOr(1, 0) != 0, a.String()), nil
			}},
		{Name: "cidr_merge", Params: []Param{p("addresses", KList), opt("action", KString, `"merge"`)}, Result: KAny, Doc: "the fewest networks that hold exactly these addresses and networks; with span the smallest network that holds all.",
			Example: []string{`cidr_merge(["192.168.0.0/17", "192.168.128.0/17"])`, `["192.168.0.0/16"]`, `cidr_merge(["192.168.1.1", "192.168.3.7"], "span")`, `"192.168.0.0/22"`},
			call:    callCIDRMerge},
		inside("network_in_usable", "whether an address, or all of a network, is among those for the hosts of network.", true),
		inside("network_in_network", "whether an address, or all of a network, is in network.", false),
		{Name: "reduce_on_network", Params: []Param{p("addresses", KList), network}, Result: KList, Doc: "those of the addresses that are in network.",
			Example: []string{`reduce_on_network(["192.0.2.34", "10.3.0.3"], "192.0.2.0/24")`, `["192.0.2.34"]`},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(1)
				if err != nil {
					return nil, err
				}
				out := value.List{}
				for _, v := range c.list(0) {
					if w, ok := readIP(v); ok && n.holds(w, false) {
						out = append(out, v)
					}
				}
				return out, nil
			}},
		usable("next_nth_usable", "the address that many further, if it is one for a host of the same network; else false.", 1, `"192.0.2.12"`),
		usable("previous_nth_usable", "the address that many back, if it is one for a host of the same network; else false.", -1, `"192.0.2.8"`),
		{Name: "ip4_hex", Params: []Param{addr, opt("between", KString, `""`)}, Result: KString, Doc: "an IPv4 address in hexadecimal digits.",
			Example: []string{`ip4_hex("192.0.2.5")`, `"c0000205"`, `ip4_hex("192.0.2.5", ":")`, `"c0:00:02:05"`},
			call: func(c *call) (value.Value, error) {
				n, err := c.netArg(0)
				if err != nil || !n.addr.Is4() {
					return nil, c.errorf("%s is no IPv4 address", describe(c.args[0]))
				}
				var parts []string
				for _, b := range n.addr.As4() {
					parts = append(parts, hex.EncodeToString([]byte{b}))
				}
				return strings.Join(parts, c.strOr(1, "")), nil
			}},
		{Name: "hwaddr", Params: []Param{p("address", KAny), opt("query", KString, `""`)}, Result: KString | KBool | KInt,
			Doc:     "a hardware address that is valid, else false; with a query in the form of bare, cisco, linux, unix, win, pgsql, or int, bool.",
			Example: []string{`hwaddr("1a:2b:3c:4d:5e:6f", "cisco")`, `"1a2b.3c4d.5e6f"`, `hwaddr("x")`, `false`, `hwaddr("1A2B3C4D5E6F", "linux")`, `"1a:2b:3c:4d:5e:6f"`},
			call:    callHWAddr},
		{Name: "random_mac", Params: []Param{p("prefix", KString), opt("seed", KText|KNull, "null")}, Result: KString, impure: true,
			Doc:     "a hardware address that begins with prefix and goes on at random; with a seed always the same.",
			Example: []string{`length(random_mac("52:54:00"))`, `17`, `random_mac("52:54:00", "web1") == random_mac("52:54:00", "web1")`, `true`},
			call:    callRandomMAC},
	}
}

// netArg is the i-th argument as an address or network.
func (c *call) netArg(i int) (ipNet, error) {
	n, ok := readIP(c.args[i])
	if !ok {
		return n, c.errorf("%s is neither an address nor a network", describe(c.args[i]))
	}
	return n, nil
}

// holds tells whether all of w is in n, or is for its hosts.
func (n ipNet) holds(w ipNet, hosts bool) bool {
	if n.addr.BitLen() != w.addr.BitLen() {
		return false
	}
	first, last := n.first(), n.last()
	if hosts && n.hosts() > 0 {
		first, last = n.usable()
	}
	if !w.isNetwork() {
		return w.addr.Compare(first) >= 0 && w.addr.Compare(last) <= 0
	}
	return w.first().Compare(first) >= 0 && w.last().Compare(last) <= 0
}

func callIPSubnet(c *call) (value.Value, error) {
	n, ok := readIP(c.args[0])
	if !ok {
		return false, nil
	}
	n.addr = n.first()
	total := n.addr.BitLen()
	q := c.strOr(1, "")
	if q == "" {
		return n.cidr(), nil
	}
	want, err := strconv.Atoi(q)
	if err != nil {
		return c.partOf(n, q)
	}
	if want < 0 || want > total {
		return false, nil
	}
	if n.hosts() == 0 {
		// the networks around an address, from the largest to the smallest
		index := int(c.intOr(2, 0))
		if index < 0 {
			index += total - want
		}
		if index < 0 || want+index >= total {
			return false, nil
		}
		return netip.PrefixFrom(n.addr, want+index).Masked().String(), nil
	}
	if want < n.bits {
		return nil, c.errorf("a /%d is larger than %s", want, n.cidr())
	}
	count := new(big.Int).Lsh(big.NewInt(1), uint(want-n.bits))
	if !c.has(2) {
		return count.String(), nil
	}
	index := big.NewInt(c.intOr(2, 0))
	if index.Sign() < 0 {
		index.Add(index, count)
	}
	if index.Sign() < 0 || index.Cmp(count) >= 0 {
		return false, nil
	}
	a, _ := addrOf(index.Lsh(index, uint(total-want)).Add(index, n.number()), n.addr.Is4())
	return netip.PrefixFrom(a, want).String(), nil
}

// partOf tells which of the parts of a network n is, from 1.
func (c *call) partOf(n ipNet, q string) (value.Value, error) {
	w, ok := readIP(q)
	if !ok {
		return nil, c.errorf("%q is neither a prefix length nor a network", q)
	}
	if w.addr.BitLen() != n.addr.BitLen() || !w.prefix().Contains(n.addr) || n.bits < w.bits {
		return nil, c.errorf("%s is not in the network %s", n.cidr(), w.cidr())
	}
	d := new(big.Int).Sub(n.number(), ipNet{addr: w.first()}.number())
	return d.Rsh(d, uint(n.hosts())).Add(d, big.NewInt(1)).String(), nil
}

func callCIDRMerge(c *call) (value.Value, error) {
	var nets []netip.Prefix
	for _, v := range c.list(0) {
		n, ok := readIP(v)
		if !ok {
			return nil, c.errorf("%s is neither an address nor a network", describe(v))
		}
		nets = append(nets, n.prefix().Masked())
	}
	switch action := c.strOr(1, "merge"); action {
	case "merge":
		out := value.List{}
		for _, p := range mergePrefixes(nets) {
			out = append(out, p.String())
		}
		return out, nil
	case "span":
		return c.span(nets)
	default:
		return nil, c.errorf("%q is no action: merge, span", action)
	}
}

// mergePrefixes joins what overlaps and what makes a larger network together.
func mergePrefixes(nets []netip.Prefix) []netip.Prefix {
	slices.SortFunc(nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var out []netip.Prefix
	for _, p := range nets {
		if len(out) > 0 && out[len(out)-1].Contains(p.Addr()) {
			continue
		}
		for out = append(out, p); len(out) > 1; {
			a, b := out[len(out)-2], out[len(out)-1]
			if a.Bits() != b.Bits() || a.Bits() == 0 || a.Addr().BitLen() != b.Addr().BitLen() {
				break
			}
			up := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
			if !up.Contains(b.Addr()) {
				break
			}
			out = append(out[:len(out)-2], up)
		}
	}
	return out
}

func (c *call) span(nets []netip.Prefix) (value.Value, error) {
	if len(nets) < 2 {
		return nil, c.errorf("a span needs two addresses or networks")
	}
	span := nets[0]
	for _, p := range nets[1:] {
		if p.Addr().BitLen() != span.Addr().BitLen() {
			return nil, c.errorf("IPv4 and IPv6 have no span")
		}
		for !span.Contains(p.Addr()) || p.Bits() < span.Bits() {
			span = netip.PrefixFrom(span.Addr(), span.Bits()-1).Masked()
		}
	}
	return span.String(), nil
}

func callHWAddr(c *call) (value.Value, error) {
	q := c.strOr(1, "")
	mac, ok := readMAC(c.args[0])
	if !ok {
		if q != "" && q != "bool" {
			return nil, c.errorf("%s is no hardware address", describe(c.args[0]))
		}
		return false, nil
	}
	digits := hex.EncodeToString(mac)
	cut := func(s string, n int, sep string) string {
		var parts []string
		for i := 0; i < len(s); i += n {
			parts = append(parts, s[i:i+n])
		}
		return strings.Join(parts, sep)
	}
	switch q {
	case "":
		return c.args[0], nil
	case "bool":
		return true, nil
	case "bare":
		return strings.ToUpper(digits), nil
	case "cisco":
		return cut(digits, 4, "."), nil
	case "linux":
		return cut(digits, 2, ":"), nil
	case "unix":
		var parts []string
		for _, b := range mac {
			parts = append(parts, strconv.FormatInt(int64(b), 16))
		}
		return strings.Join(parts, ":"), nil
	case "win", "eui48":
		return strings.ToUpper(cut(digits, 2, "-")), nil
	case "pgsql", "psql", "postgresql":
		return cut(digits, 6, ":"), nil
	case "int":
		return new(big.Int).SetBytes(mac).Int64(), nil
	}
	return nil, c.errorf("%q is no query: bare, bool, cisco, int, linux, pgsql, unix, win", q)
}

// readMAC reads a hardware address of six bytes in any of the usual forms.
func readMAC(v value.Value) ([]byte, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	var digits string
	for _, sep := range []string{":", "-"} {
		if parts := strings.Split(s, sep); len(parts) == 6 {
			for _, p := range parts {
				digits += strings.Repeat("0", max(0, 2-len(p))) + p
			}
		}
	}
	if digits == "" {
		digits = strings.NewReplacer(".", "", ":", "", "-", "").Replace(s)
	}
	b, err := hex.DecodeString(digits)
	return b, err == nil && len(b) == 6
}

func callRandomMAC(c *call) (value.Value, error) {
	parts := strings.Split(strings.ToLower(strings.TrimSuffix(c.str(0), ":")), ":")
	if len(parts) > 5 {
		return nil, c.errorf("prefix has one to five bytes, such as 52:54:00")
	}
	for _, p := range parts {
		if b, err := hex.DecodeString(p); err != nil || len(b) != 1 {
			return nil, c.errorf("%s is no beginning of a hardware address, such as 52:54:00", describe(c.args[0]))
		}
	}
	r := c.random(1)
	for len(parts) < 6 {
		parts = append(parts, hex.EncodeToString([]byte{byte(bits.Reverse64(r.Uint64()))}))
	}
	return strings.Join(parts, ":"), nil
}
