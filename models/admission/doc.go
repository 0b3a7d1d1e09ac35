// Package admission decides who goes next and who may not go at all.
//
// A Line is where requests wait for a worker: bounded by items and tokens, in
// bands, fair between tenants. Budgets bound what people, roles and accounts use
// of the workers in a day and a month.
package admission
