/** FirstNormalObjectId (access/transam.h): the first OID that is given to what people make. */
export const FIRST_OWN_OID = '16384'

/** Rights beyond those an owner and PUBLIC have by default, and which of the default ones were taken away. */
export function rightsOf(list: string, type: string, owner: string): string {
  const byDefault = `unnest(acldefault('${type}', ${owner}))`
  return `'rights', ${differenceOf(list, `unnest(${list})`, byDefault)},
          'rights taken', ${differenceOf(list, byDefault, `unnest(${list})`)}`
}

function differenceOf(list: string, these: string, without: string): string {
  return `case when ${list} is not null
               then nullif(array_to_string(array(select a::text from ${these} a
                                                 except select a::text from ${without} a order by 1), ', '), '') end`
}

/** The extension that brought an object along; what comes and goes with it is not told apart. */
export function extensionOf(catalog: string, oid: string): string {
  return `(select 'extension ' || quote_ident(e.extname)
             from pg_depend x
             join pg_extension e on e.oid = x.refobjid
            where x.classid = '${catalog}'::regclass
              and x.objid = ${oid}
              and x.refclassid = 'pg_extension'::regclass
              and x.deptype = 'e'
            limit 1)`
}
