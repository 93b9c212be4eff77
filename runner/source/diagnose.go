package source

func diagnose(f *File, err error) error { return err }
