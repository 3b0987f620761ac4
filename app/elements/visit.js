// Remembers in this browser when it was here: two cookies with times, for "since your last visit".
export default function ({ data }) {
  const year = 365 * 24 * 3600;
  for (const [name, value] of Object.entries(data.values))
    document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=${year}; SameSite=Strict`;
}
