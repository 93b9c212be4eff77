package expr

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// netFunctions are those on IP addresses and networks.
func netFunctions() []*Function {
	val := p("value", KAny)
	query := opt("query", KString|KInt, `""`)
	return append([]*Function{
		{Name: "ipaddr", Params: []Param{val, query}, Result: KAny,
			Doc: "an address or network that is valid, else false; of a list those that are. query is what is asked of it: address, host, prefix, netmask, hostmask, network, subnet, broadcast, size, size_usable, first_usable, last_usable, next_usable, previous_usable, range_usable, peer, type, version, int, bool, net, ip/prefix, host/prefix, ip_netmask, network_netmask, network_wildcard, public, private, loopback, link-local, multicast, unicast, revdns, wrap, ipv4, ipv6, 6to4, a network to lie in, or a number for the n-th address. What does not apply is false. A size beyond 64 bits is a text.",
			Example: []string{`ipaddr("10.0.0.1/24", "network")`, `"10.0.0.0"`, `ipaddr("x")`, `false`, `ipaddr("10.0.0.1/24", "netmask")`, `"255.255.255.0"`,
				`ipaddr(["10.0.0.1", "x"])`, `["10.0.0.1"]`, `ipaddr("10.0.0.0/24", 1)`, `"10.0.0.1/24"`, `ipaddr("10.0.0.7", "10.0.0.0/8")`, `"10.0.0.7"`},
			call: func(c *call) (value.Value, error) { return c.ipaddr(0) }},
		{Name: "ipv4", Params: []Param{val, query}, Result: KAny, Doc: "ipaddr for IPv4 only.", Example: []string{`ipv4("::1")`, `false`, `ipv4("10.0.0.1")`, `"10.0.0.1"`},
			call: func(c *call) (value.Value, error) { return c.ipaddr(4) }},
		{Name: "ipv6", Params: []Param{val, query}, Result: KAny, Doc: "ipaddr for IPv6 only.", Example: []string{`ipv6("::1")`, `"::1"`},
			call: func(c *call) (value.Value, error) { return c.ipaddr(6) }},
		{Name: "ipwrap", Params: []Param{val}, Result: KAny, Doc: "an IPv6 address in square brackets; anything else as it is.", Example: []string{`ipwrap("::1")`, `"[::1]"`, `ipwrap("h")`, `"h"`},
			call: func(c *call) (value.Value, error) {
				wrap := func(v value.Value) value.Value {
					if n, ok := readIP(v); ok && n.addr.Is6() {
						return n.wrapped()
					}
					return v
				}
				if l, ok := c.args[0].(value.List); ok {
					out := make(value.List, len(l))
					for i, v := range l {
						out[i] = wrap(v)
					}
					return out, nil
				}
				return wrap(c.args[0]), nil
			}},
	}, subnetFunctions()...)
}

// ipNet is an address with its prefix, as netaddr's IPNetwork has them.
type ipNet struct {
	addr    netip.Addr
	bits    int
	network bool // a prefix was written
}

// readIP reads an address, a network, a number or a number with a prefix.
func readIP(v value.Value) (ipNet, bool) {
	switch v := v.(type) {
	case int64:
		if v <= 0 {
			return ipNet{}, false
		}
		return readIP(strconv.FormatInt(v, 10))
	case string:
		host, mask, slash := strings.Cut(v, "/")
		var a netip.Addr
		if host != "" && strings.Trim(host, "0123456789") == "" {
			n, _ := new(big.Int).SetString(host, 10)
			var ok bool
			if a, ok = addrOf(n, n.BitLen() <= 32); !ok {
				return ipNet{}, false
			}
		} else {
			var err error
			if a, err = netip.ParseAddr(host); err != nil || a.Zone() != "" {
				return ipNet{}, false
			}
		}
		if !slash {
			return ipNet{a, a.BitLen(), false}, true
		}
		bits, ok := maskBits(mask, a)
		return ipNet{a, bits, true}, ok
	}
	return ipNet{}, false
}

// maskBits reads a prefix length, a netmask or a hostmask.
func maskBits(s string, a netip.Addr) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, n >= 0 && n <= a.BitLen()
	}
	m, err := netip.ParseAddr(s)
	if err != nil || m.BitLen() != a.BitLen() {
		return 0, false
	}
	for bits := range a.BitLen() + 1 {
		if m == maskOf(a, bits) || m == invert(maskOf(a, bits)) {
			return bits, true
		}
	}
	return 0, false
}

// addrOf is the address with that number.
func addrOf(n *big.Int, four bool) (netip.Addr, bool) {
	size := 16
	if four {
		size = 4
	}
	if n.Sign() < 0 || n.BitLen() > 8*size {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(n.FillBytes(make([]byte, size)))
}

func (n ipNet) prefix() netip.Prefix { return netip.PrefixFrom(n.addr, n.bits) }
func (n ipNet) first() netip.Addr    { return n.prefix().Masked().Addr() }
func (n ipNet) last() netip.Addr     { a, _ := nth(n.prefix().Masked(), -1); return a }
func (n ipNet) hosts() int           { return n.addr.BitLen() - n.bits }
func (n ipNet) isNetwork() bool      { return n.hosts() > 0 && n.addr == n.first() }
func (n ipNet) full() string         { return n.addr.String() + "/" + strconv.Itoa(n.bits) }
func (n ipNet) cidr() string         { return n.prefix().Masked().String() }
func (n ipNet) number() *big.Int     { return new(big.Int).SetBytes(n.addr.AsSlice()) }

// text is the address as it is written: with its prefix when one was given.
func (n ipNet) text() string {
	if n.network {
		return n.full()
	}
	return n.addr.String()
}

func (n ipNet) wrapped() string {
	if n.network {
		return "[" + n.addr.String() + "]/" + strconv.Itoa(n.bits)
	}
	return "[" + n.addr.String() + "]"
}

// usable are the first and the last address for hosts; both of a network of two.
func (n ipNet) usable() (netip.Addr, netip.Addr) {
	if n.hosts() == 1 {
		return n.first(), n.last()
	}
	return n.first().Next(), n.last().Prev()
}

// size is the number of addresses less some; as a text when it is larger than an int.
func (n ipNet) size(less int64) value.Value {
	s := new(big.Int).Lsh(big.NewInt(1), uint(n.hosts()))
	if s.Sub(s, big.NewInt(less)); s.IsInt64() {
		return s.Int64()
	}
	return s.String()
}

func (c *call) ipaddr(family int) (value.Value, error) {
	if l, ok := c.args[0].(value.List); ok {
		out := value.List{}
		for _, v := range l {
			r, err := c.oneAddr(v, family)
			if err != nil {
				return nil, err
			}
			if r != false {
				out = append(out, r)
			}
		}
		return out, nil
	}
	return c.oneAddr(c.args[0], family)
}

// oneAddr asks the query of one value; false when it does not apply.
func (c *call) oneAddr(v value.Value, family int) (value.Value, error) {
	q := c.strOr(1, "")
	n, ok := readIP(v)
	if !ok {
		return false, nil
	}
	if family == 4 && !n.addr.Is4() || family == 6 && !n.addr.Is6() {
		return false, nil
	}
	written, isText := v.(string)
	if !isText || strings.Trim(written, "0123456789") == "" {
		written = n.full()
	}
	if f, ok := addrQueries[q]; ok {
		return f(n), nil
	}
	if f, ok := addrTests[q]; ok {
		if f(n) {
			return written, nil
		}
		return false, nil
	}
	if needsNetwork[q] {
		return c.networkQuery(n, q)
	}
	if k, err := strconv.ParseInt(q, 10, 64); err == nil {
		if n.hosts() == 0 {
			return n.text(), nil
		}
		a, ok := nth(n.prefix().Masked(), k)
		if !ok {
			return false, nil
		}
		return a.String() + "/" + strconv.Itoa(n.bits), nil
	}
	within, ok := readIP(q)
	if !ok {
		return nil, c.errorf("%q is no query", q)
	}
	return choose(within.prefix().Contains(n.addr) && n.bits >= within.bits, written), nil
}

func choose(ok bool, v value.Value) value.Value {
	if ok {
		return v
	}
	return false
}

// addrQueries are the questions that every address answers.
var addrQueries = map[string]func(n ipNet) value.Value{
	"":        func(n ipNet) value.Value { return n.text() },
	"address": addressQuery, "ip": addressQuery,
	"address/prefix": hostPrefix, "host/prefix": hostPrefix, "hostnet": hostPrefix, "gateway": hostPrefix, "gw": hostPrefix, "router": hostPrefix,
	"ip/prefix": func(n ipNet) value.Value { return choose(n.hosts() == 1 || n.hosts() > 0 && !n.isNetwork(), n.full()) },
	"ip_netmask": func(n ipNet) value.Value {
		return choose(n.hosts() == 1 || n.hosts() > 0 && !n.isNetwork(), n.addr.String()+" "+maskOf(n.addr, n.bits).String())
	},
	"host":        func(n ipNet) value.Value { return choose(n.hosts() < 2 || !n.isNetwork(), n.full()) },
	"bool":        func(ipNet) value.Value { return true },
	"broadcast":   func(n ipNet) value.Value { return choose(n.hosts() > 1, n.last().String()) },
	"cidr":        func(n ipNet) value.Value { return n.full() },
	"hostmask":    func(n ipNet) value.Value { return invert(maskOf(n.addr, n.bits)).String() },
	"wildcard":    func(n ipNet) value.Value { return invert(maskOf(n.addr, n.bits)).String() },
	"net":         func(n ipNet) value.Value { return choose(n.isNetwork(), n.full()) },
	"netmask":     func(n ipNet) value.Value { return maskOf(n.addr, n.bits).String() },
	"network":     func(n ipNet) value.Value { return n.first().String() },
	"network_id":  func(n ipNet) value.Value { return n.first().String() },
	"prefix":      func(n ipNet) value.Value { return int64(n.bits) },
	"revdns":      func(n ipNet) value.Value { return reverseName(n.addr) },
	"size":        func(n ipNet) value.Value { return n.size(0) },
	"size_usable": sizeUsable,
	"subnet":      func(n ipNet) value.Value { return n.cidr() }, "network/prefix": func(n ipNet) value.Value { return n.cidr() },
	"network_netmask":  func(n ipNet) value.Value { return n.first().String() + " " + maskOf(n.addr, n.bits).String() },
	"network_wildcard": func(n ipNet) value.Value { return n.first().String() + " " + invert(maskOf(n.addr, n.bits)).String() },
	"int":              intQuery,
	"type": func(n ipNet) value.Value {
		if n.isNetwork() {
			return "network"
		}
		return "address"
	},
	"version": func(n ipNet) value.Value {
		if n.addr.Is4() {
			return int64(4)
		}
		return int64(6)
	},
	"wrap": func(n ipNet) value.Value {
		if n.addr.Is6() {
			return n.wrapped()
		}
		return n.text()
	},
	"6to4": sixToFour,
	"ipv4": toIPv4, "v4": toIPv4,
	"ipv6": toIPv6, "v6": toIPv6,
}

// addrTests are the questions whose answer is the value itself.
var addrTests = map[string]func(n ipNet) bool{
	"private":  func(n ipNet) bool { return !global(n.addr) },
	"public":   func(n ipNet) bool { return global(n.addr) && !n.addr.IsMulticast() },
	"loopback": func(n ipNet) bool { return n.addr.IsLoopback() }, "lo": func(n ipNet) bool { return n.addr.IsLoopback() },
	"link-local": func(n ipNet) bool { return n.addr.IsLinkLocalUnicast() },
	"multicast":  func(n ipNet) bool { return n.addr.IsMulticast() },
	"unicast":    func(n ipNet) bool { return !n.addr.IsMulticast() },
}

// needsNetwork are the questions that only a value with a prefix answers.
var needsNetwork = map[string]bool{"first_usable": true, "last_usable": true, "next_usable": true, "previous_usable": true, "range_usable": true, "peer": true}

func (c *call) networkQuery(n ipNet, q string) (value.Value, error) {
	if !n.network {
		return nil, c.fail("write it with its prefix, such as 192.0.2.1/24", "%s of %s: it is an address without a network", q, n.addr)
	}
	if q == "peer" {
		return c.peer(n)
	}
	if n.hosts() == 0 {
		return false, nil
	}
	first, last := n.usable()
	inside := func(a netip.Addr) value.Value {
		return choose(a.IsValid() && a.Compare(first) >= 0 && a.Compare(last) <= 0, a.String())
	}
	switch q {
	case "first_usable":
		return first.String(), nil
	case "last_usable":
		return last.String(), nil
	case "next_usable":
		return inside(n.addr.Next()), nil
	case "previous_usable":
		return inside(n.addr.Prev()), nil
	}
	return first.String() + "-" + last.String(), nil
}

// peer is the other end of a network for two.
func (c *call) peer(n ipNet) (value.Value, error) {
	raw := n.addr.AsSlice()
	last := &raw[len(raw)-1]
	switch {
	case n.hosts() == 1:
		*last ^= 1
	case n.hosts() == 2 && *last%4 == 0:
		return nil, c.errorf("%s is the network of a /30 and has no peer", n.addr)
	case n.hosts() == 2 && *last%4 == 3:
		return nil, c.errorf("%s is the broadcast address of a /30 and has no peer", n.addr)
	case n.hosts() == 2:
		*last ^= 3
	default:
		return nil, c.errorf("%s is no network for two", n.cidr())
	}
	a, _ := netip.AddrFromSlice(raw)
	return a.String(), nil
}

func addressQuery(n ipNet) value.Value {
	return choose(n.hosts() < 2 || n.addr.Is6() || !n.isNetwork(), n.addr.String())
}

func hostPrefix(n ipNet) value.Value {
	return choose(n.hosts() < 2 || n.addr != n.first() && n.addr != n.last(), n.full())
}

func sizeUsable(n ipNet) value.Value {
	switch n.hosts() {
	case 0:
		return int64(0)
	case 1:
		return int64(2)
	}
	return n.size(2)
}

func intQuery(n ipNet) value.Value {
	switch {
	case n.network:
		return n.number().String() + "/" + strconv.Itoa(n.bits)
	case n.number().IsInt64():
		return n.number().Int64()
	}
	return n.number().String()
}

func sixToFour(n ipNet) value.Value {
	if n.addr.Is4() {
		b := n.addr.As4()
		return choose(!n.isNetwork(), fmt.Sprintf("2002:%02x%02x:%02x%02x::1/48", b[0], b[1], b[2], b[3]))
	}
	return choose(netip.MustParsePrefix("2002::/16").Contains(n.addr) && !n.isNetwork(), n.text())
}

func toIPv4(n ipNet) value.Value {
	if n.addr.Is4() {
		return n.text()
	}
	if !n.addr.Is4In6() || n.bits < 96 {
		return false
	}
	return ipNet{n.addr.Unmap(), n.bits - 96, true}.full()
}

func toIPv6(n ipNet) value.Value {
	if n.addr.Is6() {
		return n.text()
	}
	return ipNet{netip.AddrFrom16(n.addr.As16()), n.bits + 96, true}.full()
}

// notGlobal are the blocks that IANA's registries of special purposes do not
// call globally reachable; global ones are exceptions inside of them.
var notGlobal = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::1/128", "::/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10")

var globalInside = prefixes("192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28")

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func global(a netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	return !slices.ContainsFunc(notGlobal, in) || slices.ContainsFunc(globalInside, in)
}

func (c *call) argAt(i int) value.Value {
	if i < len(c.args) {
		return c.args[i]
	}
	return nil
}

// nth is the n-th address of a network, from its end when n is negative.
func nth(p netip.Prefix, n int64) (netip.Addr, bool) {
	size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	k := big.NewInt(n)
	if n < 0 {
		k.Add(k, size)
	}
	if k.Sign() < 0 || k.Cmp(size) >= 0 {
		return netip.Addr{}, false
	}
	return addrOf(k.Add(k, new(big.Int).SetBytes(p.Addr().AsSlice())), p.Addr().Is4())
}

func maskOf(a netip.Addr, bits int) netip.Addr {
	if a.Is4() {
		var b [4]byte
		if bits > 0 {
			binary.BigEndian.PutUint32(b[:], ^uint32(0)<<(32-bits))
		}
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	for i := range bits {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom16(b)
}

func invert(a netip.Addr) netip.Addr {
	b := a.AsSlice()
	for i := range b {
		b[i] = ^b[i]
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

func reverseName(a netip.Addr) string {
	var parts []string
	if a.Is4() {
		for _, b := range a.As4() {
			parts = append([]string{strconv.Itoa(int(b))}, parts...)
		}
		return strings.Join(parts, ".") + ".in-addr.arpa."
	}
	for _, b := range a.As16() {
		parts = append([]string{strconv.FormatInt(int64(b&15), 16), strconv.FormatInt(int64(b>>4), 16)}, parts...)
	}
	return strings.Join(parts, ".") + ".ip6.arpa."
}
