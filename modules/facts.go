package modules

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
}

// Address is one network address of a host.
type Address struct {
	Address   string `json:"address" doc:"the address"`
	Interface string `json:"interface" doc:"its interface"`
	Gateway   string `json:"gateway" doc:"the default route's next hop"`
}
