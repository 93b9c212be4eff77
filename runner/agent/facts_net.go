package agent

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// networkFacts are addresses, interfaces and default routes.
func networkFacts(f *modules.Facts) {
	f.IPv4, f.IPv6, f.Interfaces = []string{}, []string{}, []string{}
	ifs, err := net.Interfaces()
	if err != nil {
		return
	}
	v4, v6 := defaultRoute4(), defaultRoute6()
	for _, i := range ifs {
		f.Interfaces = append(f.Interfaces, i.Name)
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := p.Addr().Unmap()
			switch {
			case ip.Is4():
				f.IPv4 = append(f.IPv4, ip.String())
				if i.Name == v4.Interface && v4.Address == "" {
					v4.Address, v4.MAC, v4.MTU = ip.String(), i.HardwareAddr.String(), int64(i.MTU)
					netmask(&v4, netip.PrefixFrom(ip, p.Bits()))
				}
			default:
				f.IPv6 = append(f.IPv6, ip.WithZone("").String())
				if i.Name == v6.Interface && v6.Address == "" && ip.IsGlobalUnicast() {
					v6.Address, v6.MAC, v6.MTU = ip.String(), i.HardwareAddr.String(), int64(i.MTU)
					netmask(&v6, netip.PrefixFrom(ip, p.Bits()))
				}
			}
		}
	}
	sort.Strings(f.Interfaces)
	f.DefaultIPv4, f.DefaultIPv6 = v4, v6
}

// defaultRoute4 reads the kernel's table: addresses are little-endian hex there.
func defaultRoute4() modules.Address {
	var best modules.Address
	metric := uint64(1) << 63
	b, _ := os.ReadFile("/proc/net/route")
	for l := range strings.Lines(string(b)) {
		w := strings.Fields(l)
		if len(w) < 8 || w[1] != "00000000" || w[7] != "00000000" {
			continue
		}
		if m := atoi(w[6], 10); m < metric {
			metric = m
			raw, err := hex.DecodeString(w[2])
			if err != nil || len(raw) != 4 {
				continue
			}
			slices.Reverse(raw)
			best = modules.Address{Interface: w[0], Gateway: netip.AddrFrom4([4]byte(raw)).String()}
		}
	}
	return best
}

func defaultRoute6() modules.Address {
	var best modules.Address
	metric := uint64(1) << 63
	b, _ := os.ReadFile("/proc/net/ipv6_route")
	for l := range strings.Lines(string(b)) {
		w := strings.Fields(l)
		if len(w) < 10 || w[0] != strings.Repeat("0", 32) || w[1] != "00" || w[9] == "lo" {
			continue
		}
		const rejected = 0x200
		if atoi(w[8], 16)&rejected != 0 {
			continue
		}
		if m := atoi(w[5], 16); m < metric {
			raw, err := hex.DecodeString(w[4])
			if err != nil || len(raw) != 16 {
				continue
			}
			metric = m
			best = modules.Address{Interface: w[9], Gateway: netip.AddrFrom16([16]byte(raw)).String()}
		}
	}
	return best
}
