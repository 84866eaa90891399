/** Before the French page of a folder without a server is painted: whose browser prefers English gets that one. */

{
  const known = navigator.languages.map((wish) => wish.split("-")[0]).find((wish) => wish === "fr" || wish === "en");
  const isChosen = new URLSearchParams(location.search).get("lang") === "fr"; // by the page's switch
  if (known === "en" && !isChosen) location.replace("en.html");
}
