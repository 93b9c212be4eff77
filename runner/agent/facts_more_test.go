package agent

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
)

func TestDateTime(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	d := dateTime(time.Date(2024, 1, 7, 23, 4, 5, 678901000, zone))
	want := modules.DateTime{
		Year: "2024", Month: "01", Day: "07", Hour: "23", Minute: "04", Second: "05", Weekday: "Sunday", WeekdayNumber: "0", WeekNumber: "01",
		Date: "2024-01-07", Time: "23:04:05", Epoch: "1704665045", EpochInt: "1704665045", ISO8601: "2024-01-07T22:04:05Z",
		ISO8601Micro: "2024-01-07T22:04:05.678901Z", ISO8601Basic: "20240107T230405678901", ISO8601BasicShort: "20240107T230405", TZ: "CET", TZOffset: "+0100", TZDST: "CET",
	}
	if d != want {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	// as Python's %W
	for day, week := range map[string]string{"2023-01-01": "00", "2023-01-02": "01", "2024-01-01": "01", "2024-12-31": "53", "2021-01-03": "00", "2021-01-04": "01", "2022-12-31": "52"} {
		at, _ := time.Parse("2006-01-02", day)
		if got := dateTime(at).WeekNumber; got != week {
			t.Errorf("%s: week %s, not %s", day, got, week)
		}
	}
}

func TestMounts(t *testing.T) {
	got := mounts("/dev/nowhere /no/such\\040place ext4 rw,noatime 0 0\nproc /proc proc rw 0 0\nserver:/data /mnt/data nfs4 ro 0 0\ntmpfs /tmp tmpfs rw 0 0\nshort\n")
	want := []modules.Mount{
		{Mount: "/no/such place", Device: "/dev/nowhere", FSType: "ext4", Options: "rw,noatime"},
		{Mount: "/mnt/data", Device: "server:/data", FSType: "nfs4", Options: "ro"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestLocalFacts(t *testing.T) {
	dir := t.TempDir()
	for name, f := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"app.fact":  {"{\"port\": 80}", 0o644},
		"ini.fact":  {"# remark\n[General]\nASAP = 1\nbar: two words\n", 0o644},
		"prog.fact": {"#!/bin/sh\necho '{}'\n", 0o755},
		"other":     {"{}", 0o644},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(localFacts(dir))
	if want := `{"app":{"port":80},"ini":{"General":{"asap":"1","bar":"two words"}}}`; err != nil || string(b) != want {
		t.Errorf("got %s %v", b, err)
	}
}

func TestNetmask(t *testing.T) {
	for prefix, want := range map[string]modules.Address{
		"192.0.2.77/27":    {Prefix: "27", Network: "192.0.2.64", Netmask: "255.255.255.224", Broadcast: "192.0.2.95"},
		"198.51.100.1/32":  {Prefix: "32", Network: "198.51.100.1", Netmask: "255.255.255.255", Broadcast: "198.51.100.1"},
		"10.1.2.3/0":       {Prefix: "0", Network: "0.0.0.0", Netmask: "0.0.0.0", Broadcast: "255.255.255.255"},
		"2001:db8::1:5/64": {Prefix: "64", Network: "2001:db8::"},
	} {
		var a modules.Address
		netmask(&a, netip.MustParsePrefix(prefix))
		if a != want {
			t.Errorf("%s: %+v", prefix, a)
		}
	}
}

func TestResolver(t *testing.T) {
	d := resolver("# c\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a.example b.example\noptions x\n")
	if !reflect.DeepEqual(d, modules.DNS{Nameservers: []string{"192.0.2.1", "2001:db8::1"}, Search: []string{"a.example", "b.example"}}) {
		t.Errorf("got %+v", d)
	}
	if c := cmdline("ro quiet root=UUID=1=2"); string(c["root"]) != `"UUID=1=2"` || string(c["ro"]) != "true" || len(c) != 3 {
		t.Errorf("got %v", c)
	}
}

// What rides in the first words must stay small, and holds no null lists.
func TestFactsFit(t *testing.T) {
	f := gatherFacts()
	b, err := json.Marshal(f)
	if err != nil || len(b) > 64<<10 {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	if f.DateTime.Year < "2020" || f.Env == nil || f.Mounts == nil || f.Local == nil || f.UserspaceBits == "" || f.VirtualizationRole == "" {
		t.Errorf("got %+v", f)
	}
}
