package laravel

// baseTypes are the types that every application has (protocol K.1).
var baseTypes = []string{"clients", "projects", "invoices", "documents", "files", "comments", "time_entries", "workflows", "timesheets"}
