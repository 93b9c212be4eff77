package place

import "github.com/mxplay/mxplay/modules"

// About is what is told of a path, under Ansible's names.
type About struct {
	Path     string  `json:"path" doc:"the path"`
	IsDir    bool    `json:"isdir" doc:"a directory"`
	IsReg    bool    `json:"isreg" doc:"a file"`
	IsLnk    bool    `json:"islnk" doc:"a symbolic link"`
	Mode     string  `json:"mode" doc:"permissions, \"0644\""`
	UID      int64   `json:"uid" doc:"id of the owner"`
	GID      int64   `json:"gid" doc:"id of the group"`
	PwName   string  `json:"pw_name" doc:"name of the owner"`
	GrName   string  `json:"gr_name" doc:"name of the group"`
	Size     int64   `json:"size" doc:"bytes"`
	Mtime    float64 `json:"mtime" doc:"when its content changed, seconds since 1970"`
	Inode    int64   `json:"inode" doc:"number of the inode"`
	Nlink    int64   `json:"nlink" doc:"number of hard links"`
	Checksum string  `json:"checksum" doc:"of a file's content, in hex; empty when it may not be read or was not asked for"`
	IsUID    bool    `json:"isuid" doc:"setuid"`
	IsGID    bool    `json:"isgid" doc:"setgid"`
	RUsr     bool    `json:"rusr" doc:"the owner may read"`
	WUsr     bool    `json:"wusr" doc:"the owner may write"`
	XUsr     bool    `json:"xusr" doc:"the owner may execute"`
	RGrp     bool    `json:"rgrp" doc:"the group may read"`
	WGrp     bool    `json:"wgrp" doc:"the group may write"`
	XGrp     bool    `json:"xgrp" doc:"the group may execute"`
	ROth     bool    `json:"roth" doc:"others may read"`
	WOth     bool    `json:"woth" doc:"others may write"`
	XOth     bool    `json:"xoth" doc:"others may execute"`
}

// Describe is what stands at a path.
func Describe(path string, i modules.Info) About {
	bit := func(b uint32) bool { return i.Mode&b != 0 }
	return About{
		Path: path, IsDir: i.Kind == "directory", IsReg: i.Kind == "file", IsLnk: i.Kind == "link",
		Mode: modules.ModeText(i.Mode), UID: int64(i.UID), GID: int64(i.GID), PwName: i.Owner, GrName: i.Group, Size: i.Size,
		Mtime: float64(i.Mtime.UnixMicro()) / 1e6, Inode: int64(i.Inode), Nlink: int64(i.Links), IsUID: bit(0o4000), IsGID: bit(0o2000),
		RUsr: bit(0o400), WUsr: bit(0o200), XUsr: bit(0o100), RGrp: bit(0o040), WGrp: bit(0o020), XGrp: bit(0o010),
		ROth: bit(0o004), WOth: bit(0o002), XOth: bit(0o001),
	}
}
