/** Where a link that sets a password leads; holds its secret. */
export function passwordLinkUrl(publicUrl: URL, secret: string): string {
  const url = new URL('/password/link', publicUrl)
  url.searchParams.set('secret', secret)
  return url.href
}
