package modules

import "encoding/json"

// Facts are what is known of a host before its first task, under Ansible's
// names (the variable ansible_facts, and ansible_NAME for each).
type Facts struct {
	System              string   `json:"system" doc:"kernel's name: Linux"`
	OSFamily            string   `json:"os_family" doc:"Debian for Debian and its children"`
	Distribution        string   `json:"distribution" doc:"Debian, Ubuntu, ..."`
	DistributionRelease string   `json:"distribution_release" doc:"code name: bookworm, trixie, sid"`
	DistributionVersion string   `json:"distribution_version" doc:"12.5, 13.1; the code name where there is no number"`
	DistributionMajor   string   `json:"distribution_major_version" doc:"12, 13; the code name where there is no number"`
	Architecture        string   `json:"architecture" doc:"uname's: x86_64, aarch64"`
	DpkgArchitecture    string   `json:"dpkg_architecture" doc:"dpkg's: amd64, arm64, armhf"`
	Kernel              string   `json:"kernel" doc:"release of the kernel"`
	Hostname            string   `json:"hostname" doc:"name up to the first dot"`
	Nodename            string   `json:"nodename" doc:"uname's node name"`
	FQDN                string   `json:"fqdn" doc:"full name as the host resolves it"`
	Domain              string   `json:"domain" doc:"fqdn after the first dot"`
	MachineID           string   `json:"machine_id" doc:"/etc/machine-id"`
	ServiceMgr          string   `json:"service_mgr" doc:"systemd when it runs, else what process 1 is"`
	PkgMgr              string   `json:"pkg_mgr" doc:"apt where dpkg is"`
	Processors          int64    `json:"processor_vcpus" doc:"processors that can be used"`
	MemTotal            int64    `json:"memtotal_mb" doc:"memory, MiB"`
	SwapTotal           int64    `json:"swaptotal_mb" doc:"swap, MiB"`
	DefaultIPv4         Address  `json:"default_ipv4" doc:"address towards the default route; empty strings without one"`
	DefaultIPv6         Address  `json:"default_ipv6" doc:"the same for IPv6"`
	IPv4                []string `json:"all_ipv4_addresses" doc:"all but loopback"`
	IPv6                []string `json:"all_ipv6_addresses" doc:"all but loopback"`
	Interfaces          []string `json:"interfaces" doc:"names of the network interfaces"`
	UserID              string   `json:"user_id" doc:"account the facts were gathered by"`
	UserUID             int64    `json:"user_uid" doc:"its uid"`
	UserDir             string   `json:"user_dir" doc:"its home"`
	Virtualization      string   `json:"virtualization_type" doc:"what systemd-detect-virt says: none, kvm, systemd-nspawn, lxc"`
	UptimeSeconds       int64    `json:"uptime_seconds" doc:"since boot"`
	DistributionMinor   string   `json:"distribution_minor_version" doc:"5, 1; empty where there is none"`
	UserspaceArch       string   `json:"userspace_architecture" doc:"the same as architecture"`
	ProcessorNproc      int64    `json:"processor_nproc" doc:"the same as processor_vcpus"`
	RealUserID          int64    `json:"real_user_id" doc:"uid of the account the facts were gathered by"`
	EffectiveUserID     int64    `json:"effective_user_id" doc:"the same"`
	RealGroupID         int64    `json:"real_group_id" doc:"its gid"`
	EffectiveGroupID    int64    `json:"effective_group_id" doc:"the same"`
	MemFree             int64    `json:"memfree_mb" doc:"memory that nothing uses, MiB"`
	SwapFree            int64    `json:"swapfree_mb" doc:"swap that nothing uses, MiB"`
	UserGID             int64    `json:"user_gid" doc:"group of the account the facts were gathered by"`
	UserGecos           string   `json:"user_gecos" doc:"its comment"`
	UserShell           string   `json:"user_shell" doc:"its shell"`
	KernelVersion       string   `json:"kernel_version" doc:"uname's version of the kernel"`
	Machine             string   `json:"machine" doc:"the same as architecture"`
	UserspaceBits       string   `json:"userspace_bits" doc:"64 or 32"`
	VirtualizationRole  string   `json:"virtualization_role" doc:"guest; host where virtualization_type is none"`
	ProductName         string   `json:"product_name" doc:"what the firmware says the machine is"`
	SystemVendor        string   `json:"system_vendor" doc:"and who made it"`
	KeyEd25519          string   `json:"ssh_host_key_ed25519_public" doc:"host key of sshd, without its kind"`
	KeyECDSA            string   `json:"ssh_host_key_ecdsa_public" doc:"the same"`
	KeyRSA              string   `json:"ssh_host_key_rsa_public" doc:"the same"`

	DateTime DateTime                   `json:"date_time" doc:"the host's time when the facts were gathered, in its zone"`
	Env      map[string]string          `json:"env" doc:"environment of the account the facts were gathered by"`
	Mounts   []Mount                    `json:"mounts" doc:"file systems on devices and servers"`
	Local    map[string]json.RawMessage `json:"local" doc:"facts.d: what /etc/ansible/facts.d/NAME.fact holds, JSON or INI; programs there are not started"`
	LSB      LSB                        `json:"lsb" doc:"the distribution in the words of the Linux Standard Base"`
	DNS      DNS                        `json:"dns" doc:"/etc/resolv.conf"`
	Cmdline  map[string]json.RawMessage `json:"cmdline" doc:"the kernel's command line; true for a word without a value"`
	SELinux  Confinement                `json:"selinux" doc:"SELinux"`
	AppArmor Confinement                `json:"apparmor" doc:"AppArmor"`
}

// DateTime is a moment; all of it is text.
type DateTime struct {
	Year              string `json:"year" doc:"2006"`
	Month             string `json:"month" doc:"01"`
	Day               string `json:"day" doc:"02"`
	Hour              string `json:"hour" doc:"15"`
	Minute            string `json:"minute" doc:"04"`
	Second            string `json:"second" doc:"05"`
	Weekday           string `json:"weekday" doc:"Monday"`
	WeekdayNumber     string `json:"weekday_number" doc:"0 is Sunday"`
	WeekNumber        string `json:"weeknumber" doc:"week of the year that begins on Monday"`
	Date              string `json:"date" doc:"2006-01-02"`
	Time              string `json:"time" doc:"15:04:05"`
	Epoch             string `json:"epoch" doc:"seconds since 1970"`
	EpochInt          string `json:"epoch_int" doc:"the same"`
	ISO8601           string `json:"iso8601" doc:"2006-01-02T15:04:05Z, in UTC"`
	ISO8601Micro      string `json:"iso8601_micro" doc:"the same with microseconds"`
	ISO8601Basic      string `json:"iso8601_basic" doc:"20060102T150405000000"`
	ISO8601BasicShort string `json:"iso8601_basic_short" doc:"20060102T150405"`
	TZ                string `json:"tz" doc:"the zone's short name"`
	TZOffset          string `json:"tz_offset" doc:"+0100"`
	TZDST             string `json:"tz_dst" doc:"the zone's short name in summer"`
}

// Mount is a mounted file system.
type Mount struct {
	Mount          string `json:"mount" doc:"where"`
	Device         string `json:"device" doc:"of what"`
	FSType         string `json:"fstype" doc:"its kind"`
	Options        string `json:"options" doc:"with commas between"`
	SizeTotal      int64  `json:"size_total" doc:"bytes; 0 on a server"`
	SizeAvailable  int64  `json:"size_available" doc:"bytes that are free for all"`
	InodeTotal     int64  `json:"inode_total" doc:"inodes"`
	InodeAvailable int64  `json:"inode_available" doc:"free ones"`
}

// LSB is the distribution.
type LSB struct {
	ID           string `json:"id" doc:"Debian"`
	Release      string `json:"release" doc:"13.1"`
	Codename     string `json:"codename" doc:"trixie"`
	MajorRelease string `json:"major_release" doc:"13"`
}

// DNS is the resolver's configuration.
type DNS struct {
	Nameservers []string `json:"nameservers" doc:"addresses"`
	Search      []string `json:"search" doc:"domains"`
}

// Confinement is a way to confine programs.
type Confinement struct {
	Status string `json:"status" doc:"enabled or disabled"`
}

// Address is one network address of a host.
type Address struct {
	Address   string `json:"address" doc:"the address"`
	Interface string `json:"interface" doc:"its interface"`
	Gateway   string `json:"gateway" doc:"the default route's next hop"`
	Prefix    string `json:"prefix" doc:"bits of the network"`
	Network   string `json:"network" doc:"first address of the network"`
	Netmask   string `json:"netmask" doc:"of IPv4"`
	Broadcast string `json:"broadcast" doc:"of IPv4"`
	MAC       string `json:"macaddress" doc:"of the interface"`
	MTU       int64  `json:"mtu" doc:"of the interface"`
}
