"""Special inputs, built from the ones given, at which a mistake may show."""
