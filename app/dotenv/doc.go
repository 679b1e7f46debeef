// Package dotenv reads a .env file as Laravel 12 does: vlucas/phpdotenv 5.6 splits, unquotes and substitutes, and
// Laravel's env() turns words into values. What comes out is what the Laravel application beside it sees, its
// quirks included.
//
// Laravel loses some things without a word: the lines after a double quote that is never closed, the rest of an
// unquoted value after '#'. This package returns the same values and says what was lost, where, in Warnings.
// It decides nothing about what the values are for, and writes nothing, to files or to the process's environment.
//
// Text and a real environment go in; Values, warnings and errors with file, line and column come out.
package dotenv
