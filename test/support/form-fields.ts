/** The fields of the last form of a page as a browser would send them, but for its token. */
export function fieldsIn(html: string): Record<string, string> {
  const form = html.slice(html.lastIndexOf('<form'))
  const fields: Record<string, string> = {}
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const [, name = ''] = /name="([^"]*)"/.exec(input) ?? []
    const [, value = ''] = /value="([^"]*)"/.exec(input) ?? []
    const unticked = /type="(?:checkbox|radio)"/.test(input) && !/\schecked/.test(input)
    if (name !== '_csrf' && !unticked) fields[name] = value
  }
  for (const [, name = '', options = ''] of form.matchAll(
    /<select[^>]*name="(\w+)"([\s\S]*?)<\/select>/g,
  )) {
    fields[name] = /value="([^"]*)" selected/.exec(options)?.[1] ?? ''
  }
  return fields
}
