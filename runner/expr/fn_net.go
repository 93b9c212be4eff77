package expr

import (
	"encoding/binary"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// netFunctions are those on IP addresses and networks.
func netFunctions() []*Function {
	val := p("value", KAny)
	query := opt("query", KString|KInt, `""`)
	return []*Function{
		{Name: "ipaddr", Params: []Param{val, query}, Result: KAny,
			Doc: "an address or network that is valid, else false; of a list those that are. query: address, host, prefix, netmask, network, subnet, broadcast, size, first_usable, last_usable, version, public, private, revdns, ipv4, ipv6, a network to lie in, or a number for the n-th address.",
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
					s, ok := v.(string)
					if a, err := netip.ParseAddr(s); ok && err == nil && a.Is6() {
						return "[" + s + "]"
					}
					if pre, err := netip.ParsePrefix(s); ok && err == nil && pre.Addr().Is6() {
						addr, bits, _ := strings.Cut(s, "/")
						return "[" + addr + "]/" + bits
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
	}
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

func (c *call) oneAddr(v value.Value, family int) (value.Value, error) {
	s, ok := v.(string)
	if !ok {
		return false, nil
	}
	addr, err := netip.ParseAddr(s)
	bare := err == nil
	pre := netip.PrefixFrom(addr, addr.BitLen())
	if !bare {
		if pre, err = netip.ParsePrefix(s); err != nil {
			return false, nil
		}
		addr = pre.Addr()
	}
	if family == 4 && !addr.Is4() || family == 6 && !addr.Is6() {
		return false, nil
	}
	net := pre.Masked()
	if n, ok := c.argAt(1).(int64); ok {
		a, ok := nth(net, n)
		if !ok {
			return false, nil
		}
		return netip.PrefixFrom(a, pre.Bits()).String(), nil
	}
	keep := func(b bool) (value.Value, error) {
		if b {
			return s, nil
		}
		return false, nil
	}
	hosts := addr.BitLen() - pre.Bits()
	switch q := c.strOr(1, ""); q {
	case "":
		return s, nil
	case "address", "ip":
		if !bare && hosts > 0 && addr == net.Addr() && q == "address" {
			return false, nil
		}
		return addr.String(), nil
	case "host":
		return pre.String(), nil
	case "host/prefix", "address/prefix":
		return keep(!bare)
	case "prefix":
		return int64(pre.Bits()), nil
	case "net":
		return keep(!bare && addr == net.Addr())
	case "network", "network_id":
		return net.Addr().String(), nil
	case "network/prefix", "subnet":
		return net.String(), nil
	case "netmask":
		return mask(addr, pre.Bits()).String(), nil
	case "broadcast", "last_usable", "first_usable", "range_usable", "last":
		if hosts == 0 {
			return false, nil
		}
		last, _ := nth(net, -1)
		first := net.Addr()
		if hosts > 1 {
			if q == "last_usable" && addr.Is4() {
				last = last.Prev()
			}
			first = first.Next()
		}
		switch q {
		case "broadcast":
			if !addr.Is4() {
				return false, nil
			}
			return last.String(), nil
		case "first_usable":
			return first.String(), nil
		case "range_usable":
			if addr.Is4() && hosts > 1 {
				last = last.Prev()
			}
			return first.String() + "-" + last.String(), nil
		}
		return last.String(), nil
	case "size":
		if hosts > 62 {
			return new(big.Int).Lsh(big.NewInt(1), uint(hosts)).String(), nil
		}
		return int64(1) << hosts, nil
	case "version":
		if addr.Is4() {
			return int64(4), nil
		}
		return int64(6), nil
	case "ipv4":
		return keep(addr.Is4())
	case "ipv6":
		return keep(addr.Is6())
	case "private":
		return keep(addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast())
	case "public":
		return keep(addr.IsGlobalUnicast() && !addr.IsPrivate())
	case "loopback", "lo":
		return keep(addr.IsLoopback())
	case "link-local":
		return keep(addr.IsLinkLocalUnicast())
	case "multicast":
		return keep(addr.IsMulticast())
	case "unicast":
		return keep(!addr.IsMulticast())
	case "wrap":
		if addr.Is6() {
			return "[" + addr.String() + "]", nil
		}
		return s, nil
	case "revdns":
		return reverseName(addr), nil
	default:
		if n, err := strconv.ParseInt(q, 10, 64); err == nil {
			a, ok := nth(net, n)
			if !ok {
				return false, nil
			}
			return netip.PrefixFrom(a, pre.Bits()).String(), nil
		}
		within, err := netip.ParsePrefix(q)
		if err != nil {
			return nil, c.errorf("%q is no query", q)
		}
		return keep(within.Contains(addr) && pre.Bits() >= within.Bits())
	}
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
	raw := p.Addr().AsSlice()
	k.Add(k, new(big.Int).SetBytes(raw))
	a, ok := netip.AddrFromSlice(k.FillBytes(raw))
	return a, ok
}

func mask(a netip.Addr, bits int) netip.Addr {
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
